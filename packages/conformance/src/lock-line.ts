import { RESERVED_SEGMENT } from '@libkv/core/driver'
import type { Store } from '@libkv/core'
import type { Harness } from './harness.ts'
import { waitFor } from './wait-for.ts'

/**
 * A lock in a namespace of its own, where the harness's other store can see the library's keys below the reserved
 * segment: so a case knows how many stand in line, and that nothing was left behind.
 */
export class Line {
  readonly #harness: Harness
  readonly #stores: readonly Store[]

  private constructor(harness: Harness, stores: readonly Store[]) {
    this.#harness = harness
    this.#stores = stores
  }

  static async of(harness: Harness, stores = 2): Promise<Line> {
    return new Line(
      harness,
      await Promise.all(Array.from({ length: stores }, () => harness.fresh())),
    )
  }

  store(index: number): Store {
    return this.#stores[index % this.#stores.length] as Store
  }

  /** All keys there are, the library's included. */
  async length(): Promise<number> {
    return (await this.#harness.kv.keys(`${this.#harness.dir}/${RESERVED_SEGMENT}`)).length
  }

  /** Waits until so many hold or wait. */
  async hasLength(length: number): Promise<void> {
    await waitFor(`${String(length)} are in line`, async () => (await this.length()) === length)
  }

  /** Waits until nothing is left, of the library's or visible. */
  async isEmpty(): Promise<void> {
    await waitFor('nothing is left', async () => {
      return (await this.#harness.kv.keys(this.#harness.dir)).length === 0
    })
  }
}
