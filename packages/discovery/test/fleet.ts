import type { Store } from '@libkv/core'
import { TestRuntime } from '../../conformance/src/test-runtime.ts'
import { Discovery } from '../src/index.ts'
import type { Registration } from '../src/index.ts'

export const now = (): number => performance.now()

/** A process with some instances of the service. */
export class Member {
  readonly ids: readonly string[]
  readonly registrations: Registration[] = []
  readonly #runtime: TestRuntime
  readonly #store: Store

  private constructor(ids: readonly string[], runtime: TestRuntime, store: Store) {
    this.ids = ids
    this.#runtime = runtime
    this.#store = store
  }

  static async start(
    ids: readonly string[],
    ttl: number,
    open: (runtime: TestRuntime) => Store,
  ): Promise<Member> {
    const runtime = new TestRuntime()
    const store = open(runtime)
    const member = new Member(ids, runtime, store)
    const discovery = new Discovery(store, { ttl, runtime })
    for (const id of ids) {
      const instance = { service: 'web', id, address: '127.0.0.1', port: 80 }
      member.registrations.push(await discovery.register(instance))
    }
    return member
  }

  get isRegistered(): boolean {
    return this.registrations.every((registration) => registration.isRegistered())
  }

  /** It renews nothing any more. */
  crash(): void {
    this.#runtime.freeze()
  }

  async stop(): Promise<void> {
    this.#runtime.thaw()
    await this.#store.close()
  }
}

/** Follows the service, and notes what it must not see. */
export class Spectator {
  readonly violations: string[] = []
  states = 0
  ids: ReadonlySet<string> = new Set()
  stale = true
  /** When an instance was first seen to be gone, by id. */
  readonly removedAt = new Map<string, number>()
  readonly #alive: ReadonlySet<string>
  readonly #discovery: Discovery
  readonly #done: Promise<void>

  /** @param alive - the ids of those who have not crashed, as they are when it looks. */
  constructor(store: Store, ttl: number, alive: ReadonlySet<string>) {
    this.#alive = alive
    this.#discovery = new Discovery(store, { ttl })
    this.#done = this.#watch()
  }

  /** The list that is asked for must be as good. */
  async ask(): Promise<void> {
    try {
      const { instances } = await this.#discovery.instances('web', { timeout: 1_000 })
      this.#check('the list', new Set(instances.map(({ id }) => id)))
    } catch (error) {
      this.violations.push(`the list was refused: ${String(error)}`)
    }
  }

  async stop(): Promise<void> {
    await this.#discovery.close()
    await this.#done
  }

  async #watch(): Promise<void> {
    for await (const { instances, removed, stale } of this.#discovery.watch('web')) {
      this.states++
      this.stale = stale
      this.ids = new Set(instances.map(({ id }) => id))
      for (const { id } of removed) this.removedAt.set(id, now())
      this.#check('the watch', this.ids)
    }
  }

  #check(where: string, ids: ReadonlySet<string>): void {
    const missing = [...this.#alive].filter((id) => !ids.has(id))
    if (missing.length === 0) return
    this.violations.push(`${where} lacks ${String(missing.length)}: ${missing.slice(0, 5).join()}`)
  }
}
