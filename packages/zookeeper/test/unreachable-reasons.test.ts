import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { LibkvError, Store, StoreOptions, TlsOptions } from '@libkv/core'
import { zookeeper } from '@libkv/zookeeper'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import { freePorts } from '@libkv/testing/servers'
import type { ClientTls } from '@libkv/testing/servers'
import { expiredCertificate } from './expired-certificate.ts'

/** Long enough for several attempts on a busy machine. */
const CONNECTION_TIMEOUT = 8_000

describe('the error of a call that reaches no server', () => {
  afterAll(() => {
    for (const fake of fakes) fake.close()
  })
  const secure = runningServers('zookeeper', { security: 'tls' })
  const plain = runningServers('zookeeper')
  const fakes: Server[] = []
  let tls: ClientTls
  let withCertificate: TlsOptions
  let refused: string

  beforeAll(async () => {
    tls = secure().tls as ClientTls
    withCertificate = { ca: tls.ca, cert: tls.cert, key: tls.key }
    const [port] = await freePorts(1)
    refused = `127.0.0.1:${String(port)}`
  })

  const secureEndpoint = (): string => secure().endpoints[0] ?? ''
  const plainEndpoint = (): string => plain().endpoints[0] ?? ''

  async function listening(server: Server): Promise<string> {
    fakes.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `127.0.0.1:${String((server.address() as AddressInfo).port)}`
  }

  /** A server that answers the first bytes with these. */
  const answering = (answer: string | Uint8Array): Promise<string> =>
    listening(
      createTcpServer((socket) => {
        socket.on('error', () => {}).once('data', () => socket.end(answer))
      }),
    )

  async function failure(
    addresses: readonly string[],
    options: StoreOptions,
    call: (kv: Store) => Promise<unknown> = (kv) => kv.get('a'),
  ): Promise<LibkvError> {
    await using kv = zookeeper(addresses, {
      connectionTimeout: CONNECTION_TIMEOUT,
      requestTimeout: 30_000,
      ...options,
    })
    return await call(kv).then(
      () => {
        throw new Error('the call succeeds')
      },
      (error: unknown) => error as LibkvError,
    )
  }

  const cases: readonly [string, () => Promise<LibkvError>, RegExp][] = [
    [
      'the certificate of the server has expired',
      async () => {
        const server = createTlsServer(expiredCertificate).on('tlsClientError', () => {})
        return failure([await listening(server)], { tls: { ca: expiredCertificate.cert } })
      },
      /the server's certificate expired on 2024-01-02: renew it/,
    ],
    [
      'the authority of the certificate is unknown',
      () => failure([secureEndpoint()], { tls: { ...withCertificate, ca: tls.otherCa } }),
      /issued by an unknown CA: .* tls\.ca/,
    ],
    [
      'the certificate is for another host',
      () => failure([secureEndpoint()], { tls: { ...withCertificate, servername: 'a.example' } }),
      /certificate is not for a\.example, but for .*localhost.*: set tls\.servername/,
    ],
    [
      'the server requires a client certificate',
      () => failure([secureEndpoint()], { tls: { ca: tls.ca } }),
      /client certificate.*tls\.cert and tls\.key/,
    ],
    [
      'ZooKeeper does not speak TLS',
      () => failure([plainEndpoint()], { tls: { ca: tls.ca } }),
      /closed the connection during the TLS handshake: .* remove the option tls or connect to its TLS port/,
    ],
    [
      'another server does not speak TLS',
      async () => failure([await answering('220 smtp.example ESMTP\r\n')], { tls: { ca: tls.ca } }),
      /does not speak TLS: remove the option tls, or connect to its TLS port/,
    ],
    [
      'ZooKeeper requires TLS',
      () => failure([secureEndpoint()], {}),
      /closed the connection when asked for a session: it may require TLS \(set tls\)/,
    ],
    [
      'the server answers with a TLS alert',
      async () => failure([await answering(Buffer.from('15030300020246', 'hex'))], {}),
      /a TLS alert: set tls/,
    ],
    [
      'the server answers in HTTP',
      async () => failure([await answering('HTTP/1.1 400 Bad Request\r\n\r\n')], {}),
      /an HTTP response: connect to ZooKeeper's client port/,
    ],
    [
      'the servers fail for different reasons',
      () => failure([refused, secureEndpoint(), plainEndpoint()], { tls: { ca: tls.otherCa } }),
      /^(?=.*ECONNREFUSED)(?=.*issued by an unknown CA)(?=.*during the TLS handshake)/,
    ],
    [
      'ready() is called',
      () => failure([secureEndpoint()], {}, (kv) => kv.ready()),
      /require TLS \(set tls\)/,
    ],
    [
      'a key with a ttl is written',
      () => failure([secureEndpoint()], {}, (kv) => kv.put('a', 'x', { ttl: 10_000 })),
      /require TLS \(set tls\)/,
    ],
    [
      'a session is opened',
      () => failure([secureEndpoint()], {}, (kv) => kv.session()),
      /require TLS \(set tls\)/,
    ],
    [
      'a lock is taken',
      () => failure([secureEndpoint()], {}, (kv) => kv.newLock('a').lock()),
      /require TLS \(set tls\)/,
    ],
  ]

  const errors = new Map<string, LibkvError>()
  beforeAll(async () => {
    await Promise.all(cases.map(async ([what, fail]) => errors.set(what, await fail())))
  })

  it.each(cases)('names the reason when %s', async (what, fail, expected) => {
    let error = errors.get(what)
    // On a busy machine no attempt may have come so far: then once more, alone.
    if (error?.message.match(expected) === null) error = await fail()
    expect(error).toMatchObject({
      code: 'NOT_REACHABLE',
      ambiguous: false,
      message: expect.stringMatching(expected),
    })
    expect(error?.message).not.toMatch(/openssl|SSL routines|error:[0-9A-F]/i)
    expect(error?.message).not.toMatch(/\p{Cc}/u)
  })
})
