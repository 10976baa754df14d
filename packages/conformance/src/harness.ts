import assert from 'node:assert/strict'
import { isLibkvError } from '@libkv/core'
import type { Store, StoreOptions } from '@libkv/core'
import { join } from './target.ts'
import type { ConformanceTarget } from './target.ts'
import { TestRuntime } from './test-runtime.ts'
import { atMost, now, waitFor, waits } from './wait-for.ts'

const run = crypto.randomUUID().slice(0, 8)
let count = 0

/** What asking now and then adds to the time at which something is seen, in milliseconds. */
const POLLING = 100

/** What one case works with: a directory of its own, and stores that are closed at its end. */
export class Harness implements AsyncDisposable {
  readonly target: ConformanceTarget
  /** All keys of the case are below this one. */
  readonly dir: string
  /** The store that most cases get along with. */
  readonly kv: Store
  readonly #opened: Store[] = []
  readonly #runtimes: TestRuntime[] = []
  readonly #kept: AsyncDisposable[] = []

  private constructor(target: ConformanceTarget, kv: Store) {
    const own = `conformance-${run}-${String(++count)}`
    this.target = target
    this.dir = target.prefix === undefined ? own : join(target.prefix, own)
    this.kv = kv
  }

  static async open(target: ConformanceTarget): Promise<Harness> {
    return new Harness(target, await target.open())
  }

  /** A key of this case. */
  readonly key = (name = 'key'): string => `${this.dir}/${name}`

  /** Another connection to the same data. */
  readonly open = async (options?: StoreOptions): Promise<Store> => {
    const store = await this.target.open(options)
    this.#opened.push(store)
    return store
  }

  /** A store whose whole content is this case's own: its namespace is {@link dir}, where {@link kv} can look at it. */
  readonly fresh = (options?: StoreOptions): Promise<Store> =>
    this.open({ ...options, namespace: this.dir })

  /** A store whose process can freeze, and whose clocks can jump. */
  readonly openFreezable = async (
    namespace?: string,
  ): Promise<{
    readonly store: Store
    readonly runtime: TestRuntime
  }> => {
    const runtime = new TestRuntime()
    this.#runtimes.push(runtime)
    return { store: await this.open({ runtime, namespace }), runtime }
  }

  /** Something that ends with the case, however that ends. */
  readonly keep = <T extends AsyncDisposable>(resource: T): T => {
    this.#kept.push(resource)
    return resource
  }

  /** A time to live as short as can be told apart from a slow machine, in milliseconds. */
  get ttl(): number {
    return Math.max(this.target.capabilities.ttl.min, 1_000)
  }

  /** A time to live that a session does not lose when the machine is busy for a moment, in milliseconds. */
  get steadyTtl(): number {
    return Math.max(this.target.capabilities.ttl.min, 8_000)
  }

  /** How long a key with that time to live may last at most. */
  readonly longestLife = (ttl: number): number => {
    const { expiryFactor, expirySlack } = this.target.capabilities
    return ttl * expiryFactor + expirySlack
  }

  /** How long the keys of a session may last at most after a crash. */
  readonly takeover = (ttl: number): number => ttl + this.target.capabilities.expirySlack

  /** When the key was first seen to be gone, which must be by the given time, {@link now} or later. */
  readonly timeOfDeath = async (
    key: string,
    latest: number,
    store: Store = this.kv,
  ): Promise<number> => {
    let time = 0
    const isGone = async (): Promise<boolean> => {
      const pair = await store.get(key)
      time = now()
      return pair === null
    }
    const bound = latest - now()
    const what = `the end of '${key}'`
    await atMost(bound + POLLING, what, () => waitFor(what, isGone, bound + waits.timeout))
    return time
  }

  /** Writes many keys, some at a time. */
  readonly fill = async (
    entries: Iterable<readonly [key: string, value: string | Uint8Array]>,
  ): Promise<void> => {
    const rest = [...entries]
    const worker = async (): Promise<void> => {
      for (let next = rest.pop(); next !== undefined; next = rest.pop()) await this.kv.put(...next)
    }
    await Promise.all(Array.from({ length: 16 }, worker))
  }

  /** The keys of this case, without its directory. */
  readonly names = async (store: Store = this.kv): Promise<string[]> => {
    const keys = await store.keys(this.dir)
    for (const key of keys) assert.ok(key.startsWith(`${this.dir}/`), `'${key}' is a foreign key`)
    return keys.map((key) => key.slice(this.dir.length + 1))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const runtime of this.#runtimes) runtime.thaw()
    await Promise.allSettled(this.#kept.map((resource) => resource[Symbol.asyncDispose]()))
    await Promise.all(this.#opened.map((store) => store.close()))
    try {
      await this.kv.deleteTree(this.dir)
    } catch (error) {
      if (!isLibkvError(error, 'CLOSED')) throw error
      await using successor = await this.target.open()
      await successor.deleteTree(this.dir)
    } finally {
      await this.kv.close()
    }
  }
}
