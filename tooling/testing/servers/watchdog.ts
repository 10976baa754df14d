import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'

import { dockerAddress } from './docker-api.ts'
import { repositoryPath } from './repository.ts'

type WatchedKind = 'process' | 'folder' | 'container' | 'network'

/**
 * What makes sure that a test process that is killed leaves no server behind: a child process (`watchdog.mjs`) that outlives it
 * just long enough to end whatever was told here and not taken back.
 */
class Watchdog {
  #child: ChildProcess | undefined
  readonly #watched = new Set<string>()

  watch(kind: WatchedKind, id: string | number): void {
    this.#watched.add(`${kind} ${id}`)
    this.#tell('+', kind, id)
  }

  unwatch(kind: WatchedKind, id: string | number): void {
    if (!this.#watched.delete(`${kind} ${id}`)) return
    this.#tell('-', kind, id)
    if (this.#watched.size > 0) return
    this.#child?.stdin?.end()
    this.#child = undefined
  }

  #tell(change: '+' | '-', kind: WatchedKind, id: string | number): void {
    this.#child ??= this.#start()
    this.#child.stdin?.write(`${change} ${kind} ${id}\n`)
  }

  #start(): ChildProcess {
    const script = repositoryPath('tooling', 'testing', 'servers', 'watchdog.mjs')
    const child = spawn(process.execPath, [script, JSON.stringify(dockerAddress() ?? null)], {
      detached: true, // an interrupt from the keyboard is not for it
      stdio: ['pipe', 'ignore', 'ignore'],
      env: {},
    })
    child.unref()
    // The pipe must not keep the test process alive; it closes when that process ends, which is the signal.
    ;(child.stdin as unknown as { unref(): void }).unref()
    child.stdin?.on('error', () => {})
    child.on('error', () => {})
    return child
  }
}

export const watchdog: Watchdog = new Watchdog()
