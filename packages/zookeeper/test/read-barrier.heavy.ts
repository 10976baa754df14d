import { describe, expect, it } from '@jest/globals'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

const ROUNDS = 500

describe('a read at the leader', () => {
  const servers = runningServers('zookeeper', { nodes: 3 })

  it('shows what a follower has acknowledged, at once', async () => {
    const leader = await servers().leader()
    const follower = servers().nodes.find((node) => node !== leader)
    await using writer = zookeeperUnderTest.openAt([follower?.endpoint ?? ''])
    await using reader = zookeeperUnderTest.openAt([leader.endpoint])
    for (let i = 0; i < ROUNDS; i++) {
      const { revision } = await writer.put('key', String(i))
      expect((await reader.get('key'))?.revision).toBe(revision)
    }
  })

  it('refuses a compare-and-set only for what is so now', async () => {
    const leader = await servers().leader()
    const follower = servers().nodes.find((node) => node !== leader)
    await using writer = zookeeperUnderTest.openAt([follower?.endpoint ?? ''])
    await using other = zookeeperUnderTest.openAt([leader.endpoint])
    let pair = await writer.put('cas', '')
    for (let i = 0; i < ROUNDS / 2; i++) {
      pair = await writer.atomicPut('cas', String(i), pair)
      pair = await other.atomicPut('cas', String(i), pair)
    }
  })
})
