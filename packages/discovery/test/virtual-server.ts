import { openStore } from '@libkv/core/driver'
import type { Runtime, Store, Timer } from '@libkv/core'
import { memoryFaults } from '@libkv/memory'
import type { MemoryFaults } from '@libkv/memory'
import { ManualRuntime } from '../../core/test/manual-runtime.ts'
import { MemoryDatabase } from '../../memory/src/memory-database.ts'
import { MemoryDriver } from '../../memory/src/memory-driver.ts'

// Where the embedded stores of this process find their data.
const shared = globalThis as unknown as Record<symbol, Map<string, MemoryDatabase> | undefined>
const databases = (shared[Symbol.for('@libkv/memory/databases')] ??= new Map())

let count = 0

/** An embedded server whose clock is the test's, and the processes that use it. */
export class VirtualServer {
  readonly runtime: ManualRuntime = new ManualRuntime()
  readonly faults: MemoryFaults
  readonly #name = `virtual-${String(++count)}`
  readonly #stores: Store[] = []

  constructor() {
    this.faults = memoryFaults(this.#name)
    const database = new MemoryDatabase()
    // Not closed, so that it keeps the server's clock.
    database.open(this.runtime)
    databases.set(this.#name, database)
  }

  /** A store of a process of its own. */
  open(runtime: Runtime = this.runtime): Store {
    const store = openStore(new MemoryDriver(this.#name, this.faults, runtime), { runtime })
    this.#stores.push(store)
    return store
  }

  async close(): Promise<void> {
    this.faults.reset()
    await Promise.all(this.#stores.map((store) => store.close()))
  }
}

/** The runtime of a process that can be stopped, as by SIGSTOP or a crash. */
export class StoppableRuntime implements Runtime {
  readonly #runtime: ManualRuntime
  #isStopped = false
  readonly #missed: (() => void)[] = []

  constructor(runtime: ManualRuntime) {
    this.#runtime = runtime
  }

  now(): number {
    return this.#runtime.now()
  }

  wallClock(): number {
    return this.#runtime.wallClock()
  }

  random(): number {
    return this.#runtime.random()
  }

  uuid(): string {
    return this.#runtime.uuid()
  }

  setTimer(callback: () => void, ms: number): Timer {
    let isCancelled = false
    const timer = this.#runtime.setTimer(() => {
      if (!this.#isStopped) callback()
      else this.#missed.push(() => !isCancelled && callback())
    }, ms)
    return {
      cancel: () => {
        isCancelled = true
        timer.cancel()
      },
    }
  }

  stop(): void {
    this.#isStopped = true
  }

  /** What its timers missed happens now. */
  resume(): void {
    this.#isStopped = false
    for (const callback of this.#missed.splice(0)) callback()
  }
}
