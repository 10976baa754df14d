import type { Store, StoreOptions } from '@libkv/core'
import { waitFor } from '@libkv/testing'
import { TestRuntime } from '../../conformance/src/test-runtime.ts'
import { Discovery } from '../src/index.ts'
import type { Registration } from '../src/index.ts'

export const now = (): number => performance.now()
export const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))

/** A process with some instances of the service. */
interface Process {
  readonly runtime: TestRuntime
  readonly store: Store
  readonly registrations: readonly Registration[]
}

/** The processes that offer the service. */
export class Fleet implements AsyncDisposable {
  /** The ids of the instances that have not crashed. */
  readonly alive: Set<string> = new Set()
  readonly #open: (options?: StoreOptions) => Store
  readonly #ttl: number
  readonly #processes: Process[] = []
  readonly #crashed: Process[] = []
  #started = 0

  constructor(open: (options?: StoreOptions) => Store, ttl: number) {
    this.#open = open
    this.#ttl = ttl
  }

  get isRegistered(): boolean {
    return this.#processes.every(({ registrations }) =>
      registrations.every((registration) => registration.isRegistered()),
    )
  }

  /** Starts a process with so many instances. */
  async start(size: number): Promise<void> {
    const runtime = new TestRuntime()
    const store = this.#open({ runtime })
    const discovery = new Discovery(store, { ttl: this.#ttl, runtime })
    const registrations: Registration[] = []
    this.#processes.push({ runtime, store, registrations })
    const name = `process${String(this.#started++)}`
    for (let i = 0; i < size; i++) {
      const instance = { service: 'web', id: `${name}-${String(i)}`, address: '::1', port: 80 }
      // On a busy machine the session may end before the first instance is there.
      const register = (): Promise<Registration> => discovery.register(instance)
      registrations.push(await waitFor(register, { what: `the registration of ${instance.id}` }))
      this.alive.add(instance.id)
    }
  }

  /** The oldest process renews nothing any more. Gives the ids of its instances. */
  crash(): string[] {
    const victim = this.#processes.shift()
    if (victim === undefined) throw new Error('there is no process')
    this.#crashed.push(victim)
    victim.runtime.freeze()
    const ids = victim.registrations.map(({ instance }) => instance.id)
    for (const id of ids) this.alive.delete(id)
    return ids
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { runtime } of this.#crashed) runtime.thaw()
    const all = [...this.#processes, ...this.#crashed]
    await Promise.all(all.map(({ store }) => store.close()))
  }
}

/** Watches the service and asks for its list, and notes what it must not see. */
export class Spectator implements AsyncDisposable {
  readonly violations: string[] = []
  /** When an instance was first seen to be gone, by id. */
  readonly removedAt: Map<string, number> = new Map()
  #ids: ReadonlySet<string> = new Set()
  /** Who was there once, and must stay until it crashes. */
  readonly #seen = new Set<string>()
  #stale = true
  readonly #fleet: Fleet
  readonly #store: Store
  readonly #discovery: Discovery
  readonly #done: Promise<unknown>
  #isOver = false

  constructor(fleet: Fleet, store: Store, ttl: number) {
    this.#fleet = fleet
    this.#store = store
    this.#discovery = new Discovery(store, { ttl })
    this.#done = Promise.all([this.#watch(), this.#ask()])
  }

  /** Whether it sees all who live, and nobody else. */
  get isContent(): boolean {
    return !this.#stale && this.#ids.size === this.#fleet.alive.size
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    await this.#discovery.close()
    await this.#done
    await this.#store.close()
  }

  async #watch(): Promise<void> {
    for await (const { instances, removed, stale } of this.#discovery.watch('web')) {
      this.#stale = stale
      this.#ids = new Set(instances.map(({ id }) => id))
      for (const { id } of removed) this.removedAt.set(id, now())
      for (const id of this.#ids) this.#seen.add(id)
      this.#check('the watch', this.#ids, [...this.#seen])
    }
  }

  async #ask(): Promise<void> {
    while (!this.#isOver) {
      const expected = [...this.#seen]
      try {
        const { instances } = await this.#discovery.instances('web', { timeout: 1_000 })
        this.#check('the list', new Set(instances.map(({ id }) => id)), expected)
      } catch (error) {
        if (!this.#isOver) this.violations.push(`the list was refused: ${String(error)}`)
      }
      await sleep(200)
    }
  }

  #check(where: string, ids: ReadonlySet<string>, expected: readonly string[]): void {
    const missing = expected.filter((id) => this.#fleet.alive.has(id) && !ids.has(id))
    if (missing.length === 0 || this.#isOver) return
    this.violations.push(`${where} lacks ${String(missing.length)}: ${missing.slice(0, 5).join()}`)
  }
}
