import { describe, expect, it } from '@jest/globals'
import { Tour, isRunning } from './tour.ts'

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
