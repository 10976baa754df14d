import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { runs } from '@libkv/testing/backend-cases/runs'
import { Fifo } from '../../src/client/fifo.ts'

type Step = number | 'filter' | 'drain'

describe('a queue', () => {
  it('does what an array does, however much goes in and out', () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: -40, max: 60 }) },
      { weight: 1, arbitrary: fc.constantFrom<Step>('filter', 'drain') },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new Fifo<number>()
        let model: number[] = []
        let next = 0
        for (const what of steps) {
          if (what === 'filter') {
            const isOdd = (item: number): boolean => item % 2 === 1
            queue.filter(isOdd)
            model = model.filter(isOdd)
          } else if (what === 'drain') {
            expect(queue.drain()).toEqual(model.splice(0))
          } else {
            for (let i = 0; i < what; i++) {
              queue.push(next)
              model.push(next++)
            }
            for (let i = what; i < 0; i++) expect(queue.shift()).toBe(model.shift())
          }
          expect([queue.length, queue.peek()]).toEqual([model.length, model[0]])
          expect([...queue]).toEqual(model)
        }
      }),
      { numRuns: runs(300) },
    )
  })
})
