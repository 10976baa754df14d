import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { abortable } from '@libkv/core/driver'
import type { Driver } from '@libkv/core/driver'
import type { CandidateSettings, WroteLate } from './candidate.ts'
import { serveDriver } from './serve-driver.ts'

const program = fileURLToPath(new URL('candidate.ts', import.meta.url))

/** A process with one candidate in it, as the tour that started it sees it. It does not outlive its disposal. */
export class CandidateProcess implements AsyncDisposable {
  /** The candidate's, by which followers know it. */
  readonly id: string
  /** Resolves when the process has ended. */
  readonly gone: Promise<void>
  readonly #child: ChildProcess
  #isToEnd = false

  /**
   * @param store - its URL, or the driver of one that is within this process.
   * @param onFailure - hears of it when the process ends and was not told to, or cannot.
   */
  constructor(
    store: string | Driver,
    settings: Omit<CandidateSettings, 'store'>,
    onFailure: (reason: Error) => void,
  ) {
    const whereabouts = typeof store === 'string' ? store : factsOf(store)
    const argument = JSON.stringify({ ...settings, store: whereabouts } satisfies CandidateSettings)
    // It gets the flags of this process.
    const child = fork(program, [argument], { serialization: 'advanced' })
    if (typeof store !== 'string') serveDriver(store, child)
    this.id = `pid ${String(child.pid)}`
    this.#child = child
    this.gone = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        const isFailure = !this.#isToEnd || (code !== null && code > 0)
        if (isFailure) onFailure(new Error(`${this.id} ended with ${signal ?? String(code)}`))
        resolve()
      })
      child.on('error', (error) => {
        // What could not be started does not exit either.
        if (child.pid === undefined) resolve()
        onFailure(error)
      })
    })
  }

  signal(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP'): void {
    if (signal !== 'SIGSTOP') this.#isToEnd = true
    this.#child.kill(signal)
  }

  /** Wakes it up, to go on with what it did as the leader that it was: `accepted`, or the code of the refusal. */
  async wakeUpAndWrite(signal: AbortSignal): Promise<WroteLate['outcome']> {
    const outcome = new Promise<WroteLate['outcome']>((resolve) => {
      this.#child.on('message', (message: WroteLate) => {
        if (message.type === 'wrote late') resolve(message.outcome)
      })
    })
    this.#child.send('write late')
    this.#child.kill('SIGCONT')
    return abortable(outcome, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGKILL')
    await this.gone
  }
}

const factsOf = ({ backend, endpoint, capabilities }: Driver): CandidateSettings['store'] => ({
  backend,
  endpoint,
  capabilities,
})
