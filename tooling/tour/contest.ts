import { abortable } from '@libkv/core/driver'
import type { Driver } from '@libkv/core/driver'
import type { Store } from '@libkv/core'
import { Follower } from '@libkv/leadership'
import type { Leader } from '@libkv/leadership'
import { CandidateProcess } from './candidate-process.ts'

/** What a contest is about, and where. */
export interface ContestSettings {
  readonly store: Store
  /** How the candidates open the store: by its URL, or over the driver where it is within this process. */
  readonly access: string | Driver
  readonly namespace: string
  readonly election: string
  readonly work: string
  readonly ttl: number
}

export interface HandOver {
  readonly leader: Leader
  /** From the signal until a follower saw the next leader, in ms. */
  readonly took: number
}

/** Some processes that all want to lead, and a follower that sees who does. */
export class Contest implements AsyncDisposable {
  readonly #settings: ContestSettings
  readonly #follower: Follower
  readonly #leaders: AsyncIterator<Leader | null, unknown>
  readonly #processes = new Map<string, CandidateProcess>()
  readonly #signal: AbortSignal

  /** @param signal - ends all waiting. So does a process that fails. */
  constructor(count: number, settings: ContestSettings, signal: AbortSignal) {
    const { store, access, ...others } = settings
    const failure = new AbortController()
    this.#settings = settings
    this.#signal = AbortSignal.any([signal, failure.signal])
    for (let i = 0; i < count; i++) {
      const process = new CandidateProcess(access, others, (reason) => {
        failure.abort(reason)
      })
      this.#processes.set(process.id, process)
    }
    this.#follower = new Follower(store, settings.election)
    this.#leaders = this.#follower.watch({ signal: this.#signal })[Symbol.asyncIterator]()
  }

  /** Who leads and who waits, once they are that many. */
  async line(count: number): Promise<string[]> {
    for (;;) {
      const candidates = await this.#follower.candidates({ signal: this.#signal })
      if (candidates.length === count) return candidates.map(({ id }) => id)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** The first leader after that with the token. */
  async leader(after = 0n): Promise<Leader> {
    for (;;) {
      const { value } = (await this.#leaders.next()) as IteratorResult<Leader | null, Leader | null>
      if (value !== null && value.token > after) return value
    }
  }

  /** Waits until that leader has done its work. */
  async worked({ id }: Leader): Promise<void> {
    const { store, work } = this.#settings
    for await (const pair of store.watch(work, { signal: this.#signal })) {
      if (pair?.text() === id) return
    }
  }

  /** Does that to the leader. */
  async handOver(from: Leader, signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP'): Promise<HandOver> {
    const begin = performance.now()
    this.#process(from).signal(signal)
    const leader = await this.leader(from.token)
    return { leader, took: performance.now() - begin }
  }

  /** Lets one that was stopped go on as if it still led, and says what came of its write. */
  wakeUpAndWrite(former: Leader): Promise<string> {
    return this.#process(former).wakeUpAndWrite(this.#signal)
  }

  /** The last leader ends, and nobody is left. */
  async end(last: Leader): Promise<Leader | null> {
    const process = this.#process(last)
    process.signal('SIGTERM')
    await abortable(process.gone, this.#signal)
    return this.#follower.leader({ signal: this.#signal })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#leaders.return?.()
    await Promise.all(
      [...this.#processes.values()].map((process) => process[Symbol.asyncDispose]()),
    )
  }

  #process({ id }: Leader): CandidateProcess {
    const process = this.#processes.get(id)
    if (process === undefined) throw new Error(`'${id}' leads, and is none of ours`)
    return process
  }
}
