import { beforeEach, describe } from '@jest/globals'
import { waitFor } from '@libkv/testing'
import { countedStore } from '@libkv/testing/backend-cases/counted-store'
import { roundTripCases } from '@libkv/testing/backend-cases/round-trips'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

describe('zookeeper', () => {
  const counted = countedStore(zookeeperUnderTest)
  // What the test before has left to be tidied up does not count.
  beforeEach(async () => {
    let before = -1
    const isQuiet = (): boolean => before === (before = counted.counter.total)
    await waitFor(isQuiet, { what: 'an idle store', every: 250 })
  })

  roundTripCases(counted, {
    // The write that finds that it has to create, and the creation.
    'put of a new key': 2,
    // The session, the key as it is, the write.
    'put with a ttl': 3,
    // The directory, and what is in it.
    list: 2,
    keys: 2,
    deleteTree: 3,
    // Two levels more.
    'deleteTree of the whole store': 5,
    // What is there, and the write on the condition that it still is.
    transaction: 2,
    // The attempt, what is there, and the same for certain: the first look may have been behind.
    'atomicPut that conflicts': 3,
    'atomicPut of a pair': 2,
    'atomicDelete of a pair': 2,
    // Of its 101 requests 32 are under way at once.
    'list of 10,001 keys': 5,
    // The session; what is above the contender, and the contender; the line and who is in it; the value; the watch.
    lock: 8,
    unlock: 1,
  })
})
