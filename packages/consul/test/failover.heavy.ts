import { describe, expect, it } from '@jest/globals'
import { waitFor } from '@libkv/testing'
import { clusterCases } from '@libkv/testing/backend-cases/cluster'
import { Follower } from '@libkv/testing/backend-cases/follower'
import { startServers } from '@libkv/testing/servers'
import { consulUnderTest } from './consul-under-test.ts'

clusterCases(consulUnderTest)

describe('an agent whose leader hangs', () => {
  it('shows what the next leader knows, without a wait for the end of the query, where it is the only agent', async () => {
    await using servers = await startServers('consul', { nodes: 3 })
    const leader = await servers.leader()
    const agent = servers.nodes.find((node) => node !== leader)
    await using kv = consulUnderTest.openAt([agent?.endpoint ?? ''])
    await kv.put('dir/before', 'x')
    const follower = await new Follower(kv, 'dir').started()
    await leader.freeze()
    await waitFor(() => kv.put('dir/after', 'x', { timeout: 1_000 }), { what: 'a write' })
    // At a leader that never answers the query waits for 10 s. `npm run timings` shows how soon the news are there.
    await follower.has(['dir/after', 'dir/before'])
    expect(follower.violations).toEqual([])
    await follower.stop()
    await leader.resume()
  })
})
