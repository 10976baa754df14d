import { describe, expect, it } from '@jest/globals'
import { waitFor } from '@libkv/testing'
import { startServers } from '@libkv/testing/servers'
import { clientOf, statesOf, within } from './support.ts'

describe('an ensemble', () => {
  it('keeps the session when the server that it is on dies or hangs', async () => {
    await using servers = await startServers('zookeeper', { nodes: 3 })
    await using client = clientOf(servers.endpoints, { sessionTimeout: 6_000 })
    const states = statesOf(client)
    await client.create('/e', null, { mode: 'ephemeral' })
    const { sessionId } = client
    for (const fault of ['kill', 'freeze', 'kill'] as const) {
      const last = states.filter((state) => state.type === 'connected').at(-1)
      const node = servers.nodes.find(({ endpoint }) => endpoint === last?.server)
      await node?.[fault]()
      await waitFor(
        async () => (await client.set('/e', null, -1, within(5_000)).catch(() => null)) !== null,
        { what: `a write after ${fault}` },
      )
      if (fault === 'kill') await node?.start()
      else await node?.resume()
    }
    expect(client.sessionId).toBe(sessionId)
    expect(states.some(({ type }) => type === 'expired')).toBe(false)
    expect(
      new Set(states.flatMap((state) => (state.type === 'connected' ? state.server : []))).size,
    ).toBeGreaterThan(1)
  })
})
