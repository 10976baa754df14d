import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { ConnectionOptions } from 'node:tls'
import { waitFor } from '@libkv/testing'
import { FaultProxy, startServers } from '@libkv/testing/servers'
import type { ClientTls, Servers } from '@libkv/testing/servers'
import { clientOf, failureOf, statesOf, within } from './support.ts'

describe('TLS towards ZooKeeper', () => {
  let servers: Servers
  let tls: ClientTls
  beforeAll(async () => {
    servers = await startServers('zookeeper', { security: 'tls' })
    tls = servers.tls as ClientTls
  })
  afterAll(async () => {
    await servers[Symbol.asyncDispose]()
  })

  const withTls = (options: ConnectionOptions) =>
    clientOf(servers.endpoints, { tls: () => options, connectTimeout: 3_000 })

  it('works with a client certificate, which is an identity', async () => {
    const { ca, cert, key } = tls
    await using client = withTls({ ca, cert, key })
    await client.create('/tls', new Uint8Array(200_000))
    expect((await client.get('/tls'))?.data).toHaveLength(200_000)
    const identities = await client.whoAmI()
    expect(identities.map(({ scheme }) => scheme)).toContain('x509')
  })

  it.each([
    ['without a client certificate', ({ ca }: ClientTls) => ({ ca })],
    ['with another CA', ({ otherCa, cert, key }: ClientTls) => ({ ca: otherCa, cert, key })],
    ['with no CA', ({ cert, key }: ClientTls) => ({ cert, key })],
    [
      'with another name',
      ({ ca, cert, key }: ClientTls) => ({ ca, cert, key, servername: 'other.example' }),
    ],
    ['with a key that is none', ({ ca, cert }: ClientTls) => ({ ca, cert, key: 'nonsense' })],
  ])('does not work %s', async (_how, options) => {
    await using client = withTls(options(tls))
    // On a busy machine the first attempt to connect may not have failed yet.
    const error = await waitFor(
      async () => {
        const failure = await failureOf(client.create('/never', null, {}, within(1_000)))
        return failure.cause === undefined ? undefined : failure
      },
      { what: 'an attempt to fail' },
    )
    expect(error).toMatchObject({ code: 'NOT_REACHABLE', mayHaveHappened: false })
    expect(error.cause).toMatchObject({ code: 'CONNECTION_LOSS' })
  })

  it('is not spoken by a client that was not told to', async () => {
    await using client = clientOf(servers.endpoints, { connectTimeout: 300 })
    expect(await failureOf(client.connect(within(1_000)))).toMatchObject({ code: 'NOT_REACHABLE' })
  })

  it('takes other certificates for the next connection', async () => {
    const { ca, cert, key } = tls
    await using proxy = await FaultProxy.to(servers.endpoints[0] ?? '')
    let options: ConnectionOptions = { ca: tls.otherCa, cert, key }
    let asked = 0
    await using client = clientOf([proxy.endpoint], {
      tls: () => {
        asked++
        return options
      },
    })
    const connected = client.connect()
    await waitFor(() => asked > 1, { what: 'an attempt to fail' })
    options = { ca, cert, key }
    await connected
    const states = statesOf(client)
    proxy.cut()
    await waitFor(() => states.length === 2, { what: 'the connection to be back' })
    expect(states).toMatchObject([{ type: 'disconnected' }, { type: 'connected', resumed: true }])
  })

  it('bears slices of a byte, and slowness', async () => {
    const { ca, cert, key } = tls
    await using proxy = await FaultProxy.to(servers.endpoints[0] ?? '')
    await using client = clientOf([proxy.endpoint], { tls: () => ({ ca, cert, key }) })
    await client.connect()
    proxy.slice = 1
    expect(await client.exists('/')).not.toBeNull()
    proxy.slice = 0
    proxy.delayMs = 30
    const all = await Promise.all(Array.from({ length: 1_000 }, () => client.exists('/')))
    expect(all).toHaveLength(1_000)
  })
})
