import { ManualClock } from '@libkv/memory'

/** Lets everything run that can run without time going by. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** A manual clock with chosen chance and wall clock, and identifiers that are the same in each run. */
export class ManualRuntime extends ManualClock {
  /** The result of {@link random}. */
  chance = 0.5
  #wallClockOffset = 0
  #count = 0

  constructor() {
    super(1_700_000_000_000)
  }

  override wallClock(): number {
    return super.wallClock() + this.#wallClockOffset
  }

  override random(): number {
    return this.chance
  }

  override uuid(): string {
    return `uuid-${String(++this.#count)}`
  }

  /** Sets the wall clock forward by `by` ms, or back. */
  setWallClock(by: number): void {
    this.#wallClockOffset += by
  }

  /** Counts the timers that remain once those have fired that a store leaves pending for up to 100 ms. */
  async leftTimers(): Promise<number> {
    await this.advance(100)
    return this.pendingTimers
  }
}
