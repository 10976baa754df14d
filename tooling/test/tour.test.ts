import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { waitFor } from '../servers/index.ts'

const root = join(__dirname, '../..')

/** The tour, as `npm start` runs it: on the embedded store, or on the one at a URL. */
class Tour {
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
    return waitFor(inLine, { what: 'the candidates', timeout: 30_000 })
  }

  interrupt(): void {
    this.#child.kill('SIGINT')
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('the tour on the embedded store', () => {
  it('ends with an election between processes that are frozen, told to end, and killed', async () => {
    const tour = new Tour()
    const candidates = await tour.candidates()
    expect({ code: await tour.code, complaints: tour.complaints }).toEqual({
      code: 0,
      complaints: '',
    })
    const [, first, frozen] = /elected → (pid \d+), .* (\d+)\n/.exec(tour.text) ?? []
    const handOvers = [...tour.text.matchAll(/(SIG\w+) to (pid \d+) → (pid \d+) .* token (\d+)\n/g)]
    const [second, third] = handOvers.map(([, , , leader]) => leader)
    expect(handOvers.map(([, fault, from, to]) => [fault, from, to])).toEqual([
      ['SIGSTOP', first, second],
      ['SIGTERM', second, third],
      ['SIGKILL', third, first],
    ])
    expect(new Set([first, second, third])).toEqual(new Set(candidates.map((pid) => `pid ${pid}`)))
    const tokens = [frozen, ...handOvers.map(([, , , , token]) => token)].map(Number)
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b))
    expect(tour.text).toContain(`${first} wakes up and writes → LOCK_LOST\n`)
    expect(tour.text).toContain(`await kv.get('scheduler/last-job') → ${second}\n`)
    expect(tour.text).toContain(`SIGTERM to ${first} → nobody leads, nobody is left\n`)
    expect(tour.text).toContain('\nDone\n')
    expect(candidates.filter(isRunning)).toEqual([])
  })

  it('leaves no process behind when it is interrupted', async () => {
    const tour = new Tour()
    const candidates = await tour.candidates()
    tour.interrupt()
    expect({ code: await tour.code, complaints: tour.complaints }).toEqual({
      code: 130,
      complaints: '',
    })
    expect(candidates).toHaveLength(3)
    expect(candidates.filter(isRunning)).toEqual([])
  })

  it('fails when a candidate ends untold, and leaves none of the others behind', async () => {
    const tour = new Tour()
    const candidates = await tour.candidates()
    const last = candidates.at(-1) as number
    process.kill(last, 'SIGKILL')
    expect(await tour.code).toBe(1)
    expect(tour.complaints).toContain(`pid ${last} ended with SIGKILL`)
    expect(candidates.filter(isRunning)).toEqual([])
  })
})

describe('the tour on a server', () => {
  it.each([
    ['the URL has no scheme', 'localhost:2379'],
    ['the scheme names no backend', 'redis://x'],
    ['the server is down', 'etcd://127.0.0.1:1'],
  ])('prints one line and exits with 1 where %s', async (_, url) => {
    const tour = new Tour(url)
    expect(await tour.code).toBe(1)
    expect(tour.complaints).toMatch(/^libkv: .+\n$/)
    expect(tour.text).toBe('')
  })
})
