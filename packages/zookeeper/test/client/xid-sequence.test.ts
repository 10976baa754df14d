import { expect, it } from '@jest/globals'
import { XidSequence } from '../../src/client/xid-sequence.ts'
import { ZxidClock } from '../../src/client/zxid-clock.ts'

it('numbers requests anew after 2^31 of them, and never with the numbers of other packets', () => {
  const xids = new XidSequence(2 ** 31 - 3)
  expect([xids.next(), xids.next(), xids.next(), xids.next()]).toEqual([
    2 ** 31 - 2,
    2 ** 31 - 1,
    1,
    2,
  ])
})

it('keeps the latest zxid, beyond 53 bits too', () => {
  const clock = new ZxidClock()
  expect(clock.latest).toBe(0n)
  clock.advance(1, 2 ** 32 - 1)
  clock.advance(1, 5)
  clock.advance(0, 7)
  clock.advance(-1, 2 ** 32 - 1)
  expect(clock.latest).toBe(0x1_ffff_ffffn)
  clock.advance(0x7fff_ffff, 0)
  expect(clock.latest).toBe(0x7fff_ffff_0000_0000n)
  expect(ZxidClock.toBigInt(-1, 2 ** 32 - 1)).toBe(-1n)
})
