import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { waitFor } from '@libkv/testing'

const root = join(__dirname, '../..')

/** The tour, as `npm start` runs it: on the embedded store, or on the one at a URL. */
export class Tour {
  text = ''
  complaints = ''
  readonly code: Promise<number | null>
  readonly #child: ChildProcess

  constructor(...args: readonly string[]) {
    const flags = ['--conditions=@libkv/source', '--import', 'tsx']
    const child = spawn(process.execPath, [...flags, 'tooling/tour/main.ts', ...args], {
      cwd: root,
      env: { ...process.env, NO_COLOR: '1' },
    })
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.text += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.complaints += text))
    this.code = once(child, 'close').then(([code]) => code as number | null)
    this.#child = child
  }

  /** The candidates' processes, once all of them are in line; the first one leads or is about to. */
  candidates(): Promise<number[]> {
    const inLine = (): number[] | undefined =>
      /in line → (.*)\n/.exec(this.text)?.[1]?.match(/\d+/g)?.map(Number)
    return waitFor(inLine, { what: 'the candidates' })
  }

  interrupt(): void {
    this.#child.kill('SIGINT')
  }
}

export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
