import { join } from 'node:path'
import type { Backend, FaultProxy } from '@libkv/testing/servers'
import { CandidateProcess } from './candidate-process.ts'
import type { Report } from './messages.ts'

/** Keeps one candidate in the election: when its process ends, there is another. It has a way to the store of its own. */
export class Seat {
  readonly name: string
  /** Before each server of the store. */
  readonly proxies: readonly FaultProxy[]
  /** All that sat here, the present one last. */
  readonly processes: CandidateProcess[] = []
  readonly #settings: { readonly backend: Backend; readonly ttl: number; readonly folder: string }
  readonly #onReport: (process: CandidateProcess, report: Report) => void
  #isClosing = false

  constructor(
    name: string,
    proxies: readonly FaultProxy[],
    settings: { readonly backend: Backend; readonly ttl: number; readonly folder: string },
    onReport: (process: CandidateProcess, report: Report) => void,
  ) {
    this.name = name
    this.proxies = proxies
    this.#settings = settings
    this.#onReport = onReport
    this.#fill()
  }

  get process(): CandidateProcess {
    return this.processes.at(-1) as CandidateProcess
  }

  /** Whoever sits here stands down. */
  async close(): Promise<void> {
    this.#isClosing = true
    const { process } = this
    process.signal('SIGCONT')
    process.signal('SIGTERM')
    const impatience = setTimeout(() => {
      process.signal('SIGKILL')
    }, 5_000)
    await process.exited
    clearTimeout(impatience)
  }

  #fill(): void {
    const { backend, ttl, folder } = this.#settings
    const id = `${this.name}${this.processes.length + 1}`
    const endpoints = this.proxies.map(({ endpoint }) => endpoint)
    const settings = { backend, endpoints, id, ttl, log: join(folder, id) }
    const process: CandidateProcess = new CandidateProcess(settings, (report) => {
      this.#onReport(process, report)
    })
    this.processes.push(process)
    void process.exited.then(() => {
      if (!this.#isClosing) this.#fill()
    })
  }
}
