import { describe, expect, it } from '@jest/globals'
import { Tour, isRunning } from './tour.ts'

describe('the tour on the embedded store', () => {
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
