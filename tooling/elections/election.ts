import type { Store } from '@libkv/core'
import { Follower } from '@libkv/leadership'
import { startServers, waitFor } from '../servers/index.ts'
import type { Backend, Servers } from '../servers/index.ts'
import { backendCases } from './backends.ts'
import type { BackendCase } from './backends.ts'
import { BeliefLog } from './history.ts'
import type { Line, Write } from './history.ts'
import { WorkerProcess } from './worker-process.ts'

export interface ElectionOptions {
  readonly backend: Backend
  /** In milliseconds. */
  readonly ttl: number
  readonly isFenced: boolean
}

/** Enough that there is always somebody in line while one is frozen and another one starts. */
const WORKERS = 4

/** An election between processes, on a cluster of three. */
export class Election implements AsyncDisposable {
  readonly options: ElectionOptions
  readonly servers: Servers
  readonly backendCase: BackendCase
  readonly log = new BeliefLog()
  /** How many writes were acknowledged, and refused for their token. */
  acknowledged = 0
  refused = 0
  readonly #store: Store
  readonly #follower: Follower
  readonly #workers = new Set<WorkerProcess>()
  #started = 0

  private constructor(options: ElectionOptions, servers: Servers, backendCase: BackendCase) {
    this.options = options
    this.servers = servers
    this.backendCase = backendCase
    this.#store = backendCase.open(servers.endpoints)
    this.#follower = new Follower(this.#store, 'election')
  }

  static async start(options: ElectionOptions): Promise<Election> {
    const backendCase = backendCases[options.backend]
    if (backendCase === undefined) throw new Error(`there are no elections on ${options.backend}`)
    const servers = await startServers(options.backend, { nodes: 3 })
    const election = new Election(options, servers, backendCase)
    await Promise.all(Array.from({ length: WORKERS }, () => election.startWorker()))
    return election
  }

  /** How long the others may have to wait for one that does not renew any more, in milliseconds. */
  get takeover(): number {
    return this.options.ttl + this.#store.capabilities.expirySlack
  }

  /** The process that said last that it leads, of those that can say anything. */
  get leader(): WorkerProcess | undefined {
    let leader: WorkerProcess | undefined
    for (const worker of this.#workers) {
      if (!worker.isUp || worker.token === undefined) continue
      if (leader?.token === undefined || worker.token > leader.token) leader = worker
    }
    return leader
  }

  async startWorker(): Promise<void> {
    const { backend, ttl, isFenced } = this.options
    const id = `w${this.#started++}`
    const { endpoints } = this.servers
    const options = { id, backend, endpoints, ttl, isFenced }
    this.#workers.add(await WorkerProcess.start(options, this.#onLine))
  }

  /** Puts another process in the place of one that has ended. */
  async replace(worker: WorkerProcess): Promise<void> {
    await this.startWorker()
    // With SIGTERM it ends by itself.
    await waitFor(() => !worker.isRunning, { what: `${worker.id} to end` })
    await worker.end()
    this.#workers.delete(worker)
  }

  /** Waits until one leads and all others wait, so that the next fault meets an election that is well. */
  async isSettled(): Promise<WorkerProcess> {
    return await waitFor(
      async () => (await this.#follower.candidates()).length === WORKERS && this.leader,
      { what: 'all processes to be in line', timeout: this.takeover + 30_000 },
    )
  }

  /** Waits until another term than that has begun. */
  async hasLeaderAfter(token: bigint): Promise<void> {
    await waitFor(() => (this.leader?.token ?? 0n) > token, {
      what: `a leader after term ${token}`,
      timeout: this.takeover + 10_000,
      every: 5,
    })
  }

  /** Waits until somebody leads and the store takes its writes. */
  async isAtWork(): Promise<void> {
    const before = this.acknowledged
    await waitFor(() => this.acknowledged > before && this.leader !== undefined, {
      what: 'a leader that writes',
      timeout: this.takeover + 20_000,
      every: 5,
    })
  }

  /** All writes that the store took. */
  async writes(): Promise<Write[]> {
    const pairs = await this.#store.list('writes')
    return pairs.map(({ key, revision }) => ({
      token: BigInt(key.split('/')[1] ?? ''),
      revision,
    }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.end()))
    await this.#store.close()
    await this.servers[Symbol.asyncDispose]()
  }

  readonly #onLine = (worker: WorkerProcess, line: Line): void => {
    if (line.what === 'look') this.log.look(worker.id, line)
    if (line.what === 'wrote') this.acknowledged++
    if (line.what === 'refused') this.refused++
  }
}
