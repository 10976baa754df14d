import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { backoff, systemRuntime } from '../src/driver.ts'
import type { Runtime } from '../src/index.ts'

const withChance = (chance: number): Runtime => ({ ...systemRuntime, random: () => chance })

describe('backoff', () => {
  it('doubles the wait with each attempt up to the longest, and stays in its upper half', () => {
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(
        fc.nat(10_000),
        chance,
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: 1, max: 60_000 }),
        (attempt, random, first, longest) => {
          const wait = backoff(withChance(random), attempt, first, longest)
          const ceiling = Math.min(longest, first * 2 ** Math.min(attempt, 16))
          expect(wait).toBeGreaterThanOrEqual(ceiling / 2)
          expect(wait).toBeLessThanOrEqual(ceiling)
        },
      ),
    )
  })

  it('waits 10 to 20 ms at first and never longer than half a second by default', () => {
    expect(backoff(withChance(0), 0)).toBe(10)
    expect(backoff(withChance(0.5), 0)).toBe(15)
    expect(backoff(withChance(0), 5)).toBe(250)
    expect(backoff(withChance(1 - Number.EPSILON), 1_000_000)).toBeLessThan(500)
  })
})
