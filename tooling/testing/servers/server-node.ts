import type { Access, Member, Recipe } from './recipe.ts'
import type { ServerUnit } from './server-unit.ts'
import { Hopeless, waitFor } from '../wait-for.ts'

/** One server of a {@link Servers} set, and the faults that it can be given. */
export interface ServerNode {
  readonly endpoint: string
  readonly name: string
  /** Ends it at once (SIGKILL); resolves when it is gone. */
  kill(): Promise<void>
  /**
   * Runs it again after {@link kill}, on the same port and data; resolves when it serves. Members of a cluster that lost its
   * majority must be started together, as none of them serves alone.
   */
  start(): Promise<void>
  restart(): Promise<void>
  /** Stops the clock for it: connections stay open and nothing answers. */
  freeze(): Promise<void>
  resume(): Promise<void>
  /** Removes its data, so that it starts empty. Only while killed. */
  wipe(): Promise<void>
  /** Resolves when it serves reads and writes. */
  waitReady(): Promise<void>
}

export class ManagedNode implements ServerNode {
  readonly member: Member
  readonly #unit: ServerUnit
  readonly #recipe: Recipe
  readonly #access: () => Access
  #alive = false
  #frozen = false

  constructor(member: Member, unit: ServerUnit, recipe: Recipe, access: () => Access) {
    this.member = member
    this.#unit = unit
    this.#recipe = recipe
    this.#access = access
  }

  get endpoint(): string {
    return this.member.endpoint
  }

  get name(): string {
    return this.member.name
  }

  async start(): Promise<void> {
    await this.#unit.start()
    this.#alive = true
    await this.waitReady()
  }

  async kill(): Promise<void> {
    this.#alive = false
    await this.#unit.kill()
    this.#frozen = false
  }

  async restart(): Promise<void> {
    await this.kill()
    await this.start()
  }

  async freeze(): Promise<void> {
    this.#frozen = true
    await this.#unit.freeze()
  }

  async resume(): Promise<void> {
    await this.#unit.resume()
    this.#frozen = false
  }

  async wipe(): Promise<void> {
    await this.#unit.wipe()
  }

  async waitReady(): Promise<void> {
    if (!this.#alive) throw new Error(`${this.name} is killed: start it before you wait for it`)
    try {
      await waitFor(
        async () => {
          const failure = await this.#unit.failure()
          if (failure !== undefined) throw new Hopeless(failure)
          return await this.#recipe.isReady(this.member, this.#access())
        },
        { what: `${this.name} at ${this.endpoint} to serve`, timeout: 40_000 },
      )
    } catch (error) {
      const log = await this.#unit.log()
      throw new Error(`${this.name}: ${(error as Error).message}. It logged:\n${log}`, {
        cause: error,
      })
    }
  }

  /** The term that it leads, or undefined. */
  async leads(): Promise<number | undefined> {
    if (!this.#alive || this.#frozen) return undefined
    return await this.#recipe.leads(this.member, this.#access()).catch(() => undefined)
  }

  async remove(): Promise<void> {
    this.#alive = false
    await this.#unit.remove()
  }
}
