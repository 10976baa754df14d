import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { repositoryPath } from '@libkv/testing/servers/repository'
import { watchdog } from '@libkv/testing/servers/watchdog'
import { parseLog } from './history.ts'
import type { ElectionHistory } from './history.ts'
import type { Command, Report, WorkerSettings } from './messages.ts'

/** A process with one candidate in it. */
export class CandidateProcess {
  readonly id: string
  /** The session with which it stands in line or leads. */
  session = ''
  readonly exited: Promise<unknown>
  readonly #log: string
  readonly #child: ChildProcess

  constructor(settings: WorkerSettings, onReport: (report: Report) => void) {
    this.id = settings.id
    this.#log = settings.log
    // It may be ended before it gets to that.
    writeFileSync(settings.log, '')
    const worker = repositoryPath('tooling', 'elections', 'worker.ts')
    const child = fork(worker, [JSON.stringify(settings)], {
      cwd: repositoryPath(),
      execArgv: ['--conditions=@libkv/source', '--import', 'tsx'],
      serialization: 'advanced',
    })
    this.#child = child
    const { pid } = child
    if (pid !== undefined) watchdog.watch('process', pid)
    child.on('message', (report: Report) => {
      if (report.type === 'session') this.session = report.session
      onReport(report)
    })
    this.exited = once(child, 'exit').then(() => {
      if (pid !== undefined) watchdog.unwatch('process', pid)
    })
  }

  signal(signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal)
  }

  tell(command: Command): void {
    // Whoever exits just now is not to be told any more.
    this.#child.send(command, () => {})
  }

  /** What it has left behind so far, also when it is stopped or dead. */
  history(): Pick<ElectionHistory, 'beliefs' | 'denials' | 'refused'> {
    return parseLog(this.id, readFileSync(this.#log, 'utf8'))
  }

  /** Whether it looked and saw that its belief in that term is over. */
  hasDenied(token: bigint): boolean {
    return this.history().denials.some((denial) => denial.token === token)
  }
}
