import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '@libkv/core'
import { Follower } from '@libkv/leadership'
import { waitFor } from '@libkv/testing'
import { startServers } from '@libkv/testing/servers'
import type { Backend, Servers } from '@libkv/testing/servers'
import { backendOf } from './backends.ts'
import { clock } from './candidate-log.ts'
import type { CandidateProcess } from './candidate-process.ts'
import type { ElectionHistory, Fault, Freeze, Incident, LateWrites, Sighting } from './history.ts'
import { ELECTION, NAMESPACE } from './messages.ts'
import type { Report } from './messages.ts'
import { Seat } from './seat.ts'

export interface ElectionOptions {
  readonly backend: Backend
  readonly ttl: number
  readonly random: () => number
  readonly faults: Readonly<Record<Fault, Inflict>>
}

/** Somebody who leads. */
export interface Leadership {
  readonly token: bigint
  readonly seat: Seat
}

/** How long a leader may take to come, in milliseconds: long beyond what is promised, since to be late is not to fail. */
export const PATIENCE = 30_000

/**
 * Does something to the leader, or to the store's own, waits until that has its effect, and heals it. False when it was not
 * what it is called, because the leader had lost its term just before.
 */
export type Inflict = (election: Election, leader: Leadership) => Promise<boolean>

const CANDIDATES = 5

/** An election between processes on a cluster of three, to which things happen. */
export class Election implements AsyncDisposable {
  readonly servers: Servers
  readonly random: () => number
  readonly freezes: Freeze[] = []
  readonly lateWrites: LateWrites[] = []
  readonly incidents: Incident[] = []
  /** What the candidates reported as failed and tried again, and how often. */
  readonly errors = new Map<string, number>()
  readonly #options: ElectionOptions
  readonly #store: Store
  readonly #follower: Follower
  readonly #following: Promise<void>
  readonly #folder = mkdtempSync(join(tmpdir(), 'libkv-elections-'))
  readonly #sightings: Sighting[] = []
  readonly #tokens = new Set<bigint>()
  #seats: readonly Seat[] = []
  #leader: Leadership | undefined
  /** Who was told what only a leader can do, and did not lead. */
  #leadsNot: CandidateProcess | undefined
  /** The last accepted fenced write: when it was begun, and in which term. */
  #wrote = { at: 0n, token: 0n }

  private constructor(servers: Servers, options: ElectionOptions) {
    this.servers = servers
    this.random = options.random
    this.#options = options
    this.#store = backendOf(options.backend).open(servers.endpoints, { namespace: NAMESPACE })
    this.#follower = new Follower(this.#store, ELECTION)
    this.#following = this.#follow()
  }

  static async start(options: ElectionOptions): Promise<Election> {
    const servers = await startServers(options.backend, { nodes: 3 })
    const election = new Election(servers, options)
    try {
      await election.#open()
      return election
    } catch (error) {
      await election[Symbol.asyncDispose]()
      throw error
    }
  }

  /** How often the leadership has changed hands. */
  get handOvers(): number {
    return Math.max(0, this.#tokens.size - 1)
  }

  /** Lets something happen to the leader as soon as there is one and others wait; resolves when somebody leads again. */
  async suffer(fault: Fault): Promise<void> {
    for (;;) {
      const leader = await this.#calm()
      await sleep(this.random() * 200)
      const at = clock()
      try {
        if (!(await this.#options.faults[fault](this, leader))) continue
        const over = await this.isLedSince(at)
        this.incidents.push({ fault, at, over })
      } catch (error) {
        this.incidents.push({ fault, at })
        throw error
      }
      return
    }
  }

  /** Waits for another leader; false if it was told by that one that it did not lead any more. */
  async succeeded({ token, seat: { process } }: Leadership): Promise<boolean> {
    this.#leadsNot = undefined
    await waitFor(() => this.#isNewer(token) || this.#leadsNot === process, {
      what: `a leader after ${process.id}`,
      timeout: PATIENCE,
      every: 5,
    })
    return this.#leadsNot !== process
  }

  /** Waits for a fenced write that was begun after that time by whoever leads then. Resolves to the time of it. */
  async isLedSince(at: bigint): Promise<bigint> {
    await waitFor(() => this.#wrote.at > at && this.#wrote.token === this.#leader?.token, {
      what: 'a leader that writes',
      timeout: PATIENCE,
      every: 5,
    })
    return this.#wrote.at
  }

  async destroySession(id: string): Promise<void> {
    const { backend } = this.#options
    await backendOf(backend).destroySession(this.servers.endpoints[0] ?? '', id)
  }

  /** Ends the candidacies, and gathers what has happened. */
  async finish(): Promise<ElectionHistory> {
    await Promise.all(this.#seats.map((seat) => seat.close()))
    const logs = this.#seats.flatMap(({ processes }) => processes.map((one) => one.history()))
    const written = async (arm: string): Promise<ElectionHistory['fenced']> =>
      (await this.#store.list(arm)).map((pair) => ({
        key: pair.key,
        token: BigInt(pair.text()),
        revision: pair.createRevision,
      }))
    return {
      beliefs: logs.flatMap(({ beliefs }) => beliefs),
      denials: logs.flatMap(({ denials }) => denials),
      refused: logs.flatMap(({ refused }) => refused),
      fenced: await written('fenced'),
      unfenced: await written('unfenced'),
      freezes: this.freezes,
      lateWrites: this.lateWrites,
      sightings: this.#sightings,
      incidents: this.incidents,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#seats.map((seat) => seat.close()))
    await this.#store.close()
    await this.#following
    await this.servers[Symbol.asyncDispose]()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #open(): Promise<void> {
    const { backend, ttl } = this.#options
    const settings = { backend, ttl, folder: this.#folder }
    const seats: Seat[] = []
    for (let i = 0; i < CANDIDATES; i++) {
      const proxies = await this.servers.proxy()
      const seat: Seat = new Seat('ABCDE'.charAt(i), proxies, settings, (process, report) => {
        this.#hear(seat, process, report)
      })
      seats.push(seat)
      this.#seats = [...seats]
    }
    await this.#calm()
  }

  /** Waits until somebody leads, and writes, while others wait in line. */
  async #calm(): Promise<Leadership> {
    await this.isLedSince(clock())
    await waitFor(async () => (await this.#follower.candidates({ timeout: 2_000 })).length >= 3, {
      what: 'a line of candidates',
      timeout: PATIENCE,
    })
    return this.#leader as Leadership
  }

  #isNewer(token: bigint): boolean {
    return this.#leader !== undefined && this.#leader.token > token
  }

  #hear(seat: Seat, process: CandidateProcess, report: Report): void {
    switch (report.type) {
      case 'elected':
        this.#tokens.add(report.token)
        if (this.#isNewer(report.token)) return
        this.#leader = { token: report.token, seat }
        return
      case 'wrote':
        if (report.token >= this.#wrote.token) this.#wrote = report
        return
      case 'wrote late':
        this.lateWrites.push(report)
        return
      case 'leads not':
        this.#leadsNot = process
        return
      case 'error':
        this.errors.set(report.text, (this.errors.get(report.text) ?? 0) + 1)
        return
      case 'session':
    }
  }

  async #follow(): Promise<void> {
    for await (const leader of this.#follower.watch()) {
      if (leader !== null) this.#sightings.push({ id: leader.id, token: leader.token })
    }
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
