import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { memory, memoryFaults } from '@libkv/memory'
import type { MemoryFaults } from '@libkv/memory'
import { waitFor } from '@libkv/testing'
import { RESERVED_SEGMENT } from '../src/driver.ts'
import type { CallMessage, Store, StoreOptions } from '../src/index.ts'

const STARTED = 'tracing:libkv:call:start'

let count = 0

/** An embedded store of its own that can be told to fail, and an outside view of all that lies in it. */
export class LockBench implements AsyncDisposable {
  readonly faults: MemoryFaults
  /** The directory of the library's own keys, as the outside view names it. */
  readonly ownDirectory = `app/${RESERVED_SEGMENT}`
  /** The operations of all calls that were made, those of the library itself among them. */
  readonly calls: string[] = []
  readonly #name = `bench-${String(++count)}`
  readonly #outside: Store
  readonly #stores: Store[] = []
  #trigger: { left: number; readonly act: () => void } | undefined

  constructor() {
    this.faults = memoryFaults(this.#name)
    this.#outside = memory([this.#name])
    subscribe(STARTED, this.#onCall)
  }

  /** A store in the namespace `app`. */
  open(options: StoreOptions = {}): Store {
    const store = memory([this.#name], { namespace: 'app', ...options })
    this.#stores.push(store)
    return store
  }

  /** The keys of the library's own. */
  async ownKeys(): Promise<string[]> {
    const keys = await this.#outside.keys('app')
    return keys.filter((key) => key.startsWith(`${this.ownDirectory}/`))
  }

  /** What the lock's key shows. */
  async shown(key: string): Promise<string | undefined> {
    return (await this.#outside.get(`app/${key}`))?.text()
  }

  /** Writes or deletes behind everybody's back. */
  get outside(): Store {
    return this.#outside
  }

  /** Acts just before the `nth` call of the library from now on, counted from 1. */
  beforeCall(nth: number, act: () => void): void {
    this.#trigger = { left: nth, act }
  }

  /** Whether that call was made. */
  get triggered(): boolean {
    return this.#trigger === undefined || this.#trigger.left <= 0
  }

  /** Waits until so many contenders are in the line. */
  async inLine(contenders: number): Promise<void> {
    await waitFor(async () => (await this.ownKeys()).length === contenders, {
      what: `${String(contenders)} contenders in line`,
      every: 1,
    })
  }

  /** Waits until no key and no session is left of what was. */
  async isClean(): Promise<void> {
    const areGone = async (): Promise<boolean> =>
      (await this.#outside.keys('')).length === 0 && this.faults.sessions === 0
    await waitFor(areGone, { what: 'all keys and sessions to be gone', every: 1 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    unsubscribe(STARTED, this.#onCall)
    this.faults.reset()
    for (const store of [...this.#stores, this.#outside]) await store.close()
  }

  readonly #onCall = (message: unknown): void => {
    const { endpoint, namespace, operation } = message as CallMessage
    if (endpoint !== this.#name || namespace !== 'app') return
    this.calls.push(operation)
    if (this.#trigger !== undefined && --this.#trigger.left === 0) this.#trigger.act()
  }
}
