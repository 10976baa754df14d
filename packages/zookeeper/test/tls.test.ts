import { describe, expect, it } from '@jest/globals'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import type { TlsOptions } from '@libkv/core'
import { zookeeper } from '@libkv/zookeeper'
import { waitFor } from '@libkv/testing'
import { tlsCases } from '@libkv/testing/backend-cases/tls'
import { clientTls, serverTlsFiles } from '@libkv/testing/servers/certificates'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

tlsCases(zookeeperUnderTest)

describe('the server name in a TLS handshake', () => {
  const { ca } = clientTls()
  const { 'server.pem': cert, 'server.key': key } = serverTlsFiles()

  /** The names that a server gets from a store that connects to this host; `false` for a handshake without one. */
  async function namesSentTo(host: string, options: TlsOptions = {}): Promise<Set<string | false>> {
    const names = new Set<string | false>()
    const asked: string[] = []
    const server = createServer({
      cert,
      key,
      SNICallback: (name, callback) => {
        asked.push(name)
        callback(null)
      },
    })
    server.on('secureConnection', (socket) => {
      names.add(socket.servername ?? false)
      socket.on('error', () => {}).destroy()
    })
    server.on('tlsClientError', () => {})
    server.listen(0)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const kv = zookeeper([`${host}:${port}`], { tls: { ca, ...options } })
    const reading = kv.get('a').catch(() => undefined)
    await waitFor(() => names.size > 0, { what: 'a TLS handshake' })
    await kv.close()
    await reading
    server.close()
    expect(new Set(asked)).toEqual(new Set([...names].filter((name) => name !== false)))
    return names
  }

  it('is the host dialled', async () => {
    expect(await namesSentTo('localhost')).toEqual(new Set(['localhost']))
  })

  it('is tls.servername where that is given', async () => {
    const byName = await namesSentTo('localhost', { servername: 'etcd0' })
    expect(byName).toEqual(new Set(['etcd0']))
    const byAddress = await namesSentTo('127.0.0.1', { servername: 'etcd1' })
    expect(byAddress).toEqual(new Set(['etcd1']))
  })

  it('is absent where it would be an IP address', async () => {
    expect(await namesSentTo('127.0.0.1')).toEqual(new Set([false]))
  })
})
