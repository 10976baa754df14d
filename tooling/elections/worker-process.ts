import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { FaultProxy } from '../servers/index.ts'
import { repositoryPath } from '../servers/repository.ts'
import type { Line } from './history.ts'
import type { WorkerOptions } from './worker.ts'

/** A worker process, and its own way to the servers. */
export class WorkerProcess {
  readonly id: string
  /** The session that it opened last. */
  session: string | undefined
  /** Whether it said so when it looked last, with which token, and how often it has looked. */
  token: bigint | undefined
  looks = 0
  isReady = false
  /** Whether it can do anything: it has not ended, and is not stopped. */
  isUp = true
  readonly #child: ChildProcess
  readonly #proxies: readonly FaultProxy[]

  private constructor(
    { id }: WorkerOptions,
    child: ChildProcess,
    proxies: readonly FaultProxy[],
    onLine: (worker: WorkerProcess, line: Line) => void,
  ) {
    this.id = id
    this.#child = child
    this.#proxies = proxies
    child.once('exit', () => {
      this.isUp = false
    })
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (text) => {
      const line = JSON.parse(text) as Line
      this.#note(line)
      onLine(this, line)
    })
  }

  static async start(
    options: WorkerOptions,
    onLine: (worker: WorkerProcess, line: Line) => void,
  ): Promise<WorkerProcess> {
    const proxies = await Promise.all(options.endpoints.map((each) => FaultProxy.to(each)))
    const endpoints = proxies.map(({ endpoint }) => endpoint)
    const file = repositoryPath('tooling', 'elections', 'worker.ts')
    const child = spawn(
      process.execPath,
      [
        ...['--conditions=@libkv/source', '--import', 'tsx', file],
        JSON.stringify({ ...options, endpoints }),
      ],
      { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
    )
    return new WorkerProcess(options, child, proxies, onLine)
  }

  resign(): void {
    this.#child.send('resign')
  }

  signal(name: 'SIGCONT' | 'SIGKILL' | 'SIGSTOP' | 'SIGTERM'): void {
    this.isUp = name === 'SIGCONT'
    this.#child.kill(name)
  }

  /** No byte passes between it and the servers any more. */
  cutOff(): void {
    for (const proxy of this.#proxies) proxy.blackhole()
  }

  reconnect(): void {
    for (const proxy of this.#proxies) proxy.pass()
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Ends it, if it has not ended yet. */
  async end(): Promise<void> {
    if (this.isRunning) {
      const exit = once(this.#child, 'exit')
      this.#child.kill('SIGKILL')
      await exit
    }
    await Promise.all(this.#proxies.map((proxy) => proxy[Symbol.asyncDispose]()))
  }

  #note(line: Line): void {
    if (line.what === 'ready') this.isReady = true
    if (line.what === 'session') this.session = line.id
    if (line.what !== 'look') return
    this.looks++
    this.token = line.token === undefined ? undefined : BigInt(line.token)
  }
}
