import { describe, expect, it } from '@jest/globals'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { atMost, waitFor } from '../wait-for.ts'
import { freePorts, startServers } from '../servers/index.ts'
import type { BackendUnderTest } from './backend-under-test.ts'

/** One server that refuses, hangs, or is gone for a while. */
export function unreachableCases({ backend, openAt }: BackendUnderTest): void {
  /** Sees that a write to this address fails in time, and that nobody takes it for one that may have happened. */
  async function isNotReachable(port: number): Promise<void> {
    await using kv = openAt([`127.0.0.1:${port}`], { connectionTimeout: 400 })
    // By default it would take 5 s.
    await atMost(4_000, 'the refusal', () =>
      expect(kv.put('a', 'x')).rejects.toMatchObject({
        code: 'NOT_REACHABLE',
        ambiguous: false,
      }),
    )
  }

  describe('a server that cannot be reached', () => {
    it('is NOT_REACHABLE within connectionTimeout when it refuses', async () => {
      const [port = 0] = await freePorts(1)
      await isNotReachable(port)
    })

    it('is NOT_REACHABLE within connectionTimeout when it accepts and never answers', async () => {
      const sockets: Socket[] = []
      const server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
      await once(server, 'listening')
      try {
        await isNotReachable((server.address() as AddressInfo).port)
      } finally {
        for (const socket of sockets) socket.destroy()
        server.close()
      }
    })

    it('is used again as soon as it is back', async () => {
      await using servers = await startServers(backend)
      const [node] = servers.nodes
      await using kv = openAt(servers.endpoints, { connectionTimeout: 300 })
      await kv.put('a', '1')
      await node?.kill()
      for (let i = 0; i < 5; i++) {
        await expect(kv.get('a')).rejects.toMatchObject({ code: 'NOT_REACHABLE' })
      }
      await node?.start()
      await waitFor(() => kv.get('a').then(() => true), { what: 'a read' })
    })
  })
}
