import { afterEach, describe, expect, it } from '@jest/globals'
import { once } from 'node:events'
import { createServer as createHttp1 } from 'node:http'
import { createServer as createHttp2 } from 'node:http2'
import type { OutgoingHttpHeaders, ServerHttp2Session } from 'node:http2'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { ConnectionContext } from '@libkv/core/driver'
import { etcd } from '@libkv/etcd'
import { waitFor } from '@libkv/testing'
import { expectPlainMessage } from '@libkv/testing/backend-cases/plain-message'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import { freePorts } from '@libkv/testing/servers'
import { errorOf } from '../src/etcd-errors.ts'

const unconnected = (text: string): string =>
  `No connection established. Last error: ${text}. Resolution note: `

describe('the message for what grpc-js reports', () => {
  const plain = { unanswered: 'plain' } as const
  const tls = { unanswered: 'tls' } as const
  const cases: readonly (readonly [
    details: string,
    context: ConnectionContext,
    message: RegExp,
  ])[] = [
    ['No connection established', {}, /^the connection failed$/],
    [unconnected('null'), {}, /^the connection failed$/],
    [unconnected(''), {}, /^the connection failed$/],
    [
      unconnected('Error: connect ECONNREFUSED 127.0.0.1:1'),
      {},
      /^the server refused the connection: .*ECONNREFUSED/,
    ],
    [unconnected('Error: certificate has expired'), tls, /^the server's certificate has expired/],
    [
      unconnected('802C:error:0A000418:SSL routines:f:tlsv1 alert unknown ca:../deps/x.c:1601:\n'),
      tls,
      /^the server refused the client certificate/,
    ],
    [
      unconnected('Failed to connect (2026-11-29T18:19:25.386Z)'),
      plain,
      /if it expects TLS, set tls or use https:\/\/ addresses$/,
    ],
    [
      unconnected('Failed to connect (2026-11-29T18:19:25.386Z)'),
      tls,
      /it may require a client certificate/,
    ],
    [
      unconnected('Protocol error (2026-11-29T18:19:25.386Z)'),
      plain,
      /^the server does not speak HTTP\/2: .*whether the server expects TLS$/,
    ],
    [
      unconnected('Protocol error (2026-11-29T18:19:25.386Z)'),
      tls,
      /^the server does not speak HTTP\/2: check that the address is that of an etcd server$/,
    ],
    ['Name resolution failed for target dns:nowhere:1', {}, /^the host name cannot be resolved/],
    ['Received HTTP status code 502', {}, /^the server answered with HTTP status 502: check that/],
    [
      'Received RST_STREAM with code 0 (Call ended without gRPC status)',
      {},
      /^the server does not answer in gRPC/,
    ],
    [
      'Received RST_STREAM with code 2 triggered by internal client error: read ECONNRESET',
      {},
      /^the server closed the connection$/,
    ],
    ['Received RST_STREAM with code 2 (Internal server error)', {}, /HTTP\/2 code 2/],
    ['read ECONNRESET', {}, /^the connection to the server was lost \(ECONNRESET\)$/],
    ['Connection dropped', {}, /^the connection to the server was lost$/],
    ['Stream refused by server', {}, /^the server refused the request before it began/],
    ['', {}, /^the server answered without a reason \(gRPC status 14\)$/],
    ['<html>proxy</html>', {}, /^the server answered with an HTML page \(gRPC status 14\)$/],
    ['etcdserver: mvcc: \n database space exceeded', {}, /^etcdserver: mvcc: database space/],
    ['etcdserver: user name is empty', {}, /^the server requires a user: set username and/],
    ['etcdserver: authentication is not enabled', {}, /leave out username and password$/],
  ]
  for (const [details, context, message] of cases) {
    it(`is in plain words: ${JSON.stringify(details)} ${context.unanswered ?? ''}`, () => {
      const failure = Object.assign(new Error(`14 UNAVAILABLE: ${details}`), { code: 14, details })
      const error = errorOf(failure, context)
      expect(error.message).toMatch(message)
      expectPlainMessage(error)
    })
  }

  it('names the server where the store has several', () => {
    const failure = Object.assign(new Error(), { code: 14, details: 'Connection dropped' })
    expect(errorOf(failure, { address: '10.0.0.1:2379' }).message).toBe(
      '10.0.0.1:2379: the connection to the server was lost',
    )
  })

  it('keeps a mistake in a program as the cause', () => {
    const mistake = new TypeError('x is not a function')
    const error = errorOf(mistake)
    expect(error.message).toBe('x is not a function')
    expect(error.cause).toBe(mistake)
  })

  for (const [what, thrown] of Object.entries({ null: null, text: 'text', object: {} })) {
    it(`is not empty when ${what} is thrown`, () => {
      const error = errorOf(thrown)
      expect(error.message).toBe('the server answered without a reason (gRPC status 2)')
      expectPlainMessage(error)
    })
  }
})

describe('the message of a failed call', () => {
  const closing: (() => void)[] = []
  afterEach(() => {
    for (const close of closing.splice(0)) close()
  })

  /** Starts a server on 127.0.0.1 that is closed after the test, with all of its connections. */
  async function listening(server: Server): Promise<string> {
    const sockets = new Set<Socket>()
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
    })
    closing.push(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return `127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  /** The error of a read, as soon as it has another reason than that nothing has come yet. */
  async function failureAt(...addresses: string[]): Promise<Error> {
    return waitFor(
      async () => {
        await using kv = etcd(addresses, { connectionTimeout: 300 })
        const error = await kv.get('a').catch((reason: unknown) => reason)
        return error instanceof Error && !error.message.includes('did not answer') && error
      },
      { what: 'an error with a reason' },
    )
  }

  /** A server that answers each call with these headers, and no body. */
  const answering = (headers: OutgoingHttpHeaders): Promise<string> => {
    const server = createHttp2()
    server.on('session', (session: ServerHttp2Session) => {
      session.on('error', () => {})
    })
    server.on('stream', (stream) => {
      stream.on('error', () => {})
      stream.respond(headers, { endStream: true })
    })
    return listening(server)
  }

  it('has what a server writes in one line of at most 200 characters', async () => {
    const text = 'no space left on device\n'.repeat(100)
    const error = await failureAt(
      await answering({
        ':status': 200,
        'content-type': 'application/grpc',
        'grpc-status': '8',
        'grpc-message': encodeURIComponent(text),
      }),
    )
    expect(error.message).toMatch(/\): no space left on device no space .*…$/)
    expect(error.message.length).toBeLessThan(300)
    expectPlainMessage(error)
  })

  it('keeps the headers of the answer out of the error', async () => {
    const error = await failureAt(
      await answering({
        ':status': 200,
        'content-type': 'application/grpc',
        'grpc-status': '13',
        'grpc-message': '',
        'x-echo': 'the-secret',
      }),
    )
    expect(error.message).toMatch(/: the server answered without a reason \(gRPC status 13\)$/)
    expectPlainMessage(error, ['the-secret'])
  })

  it('has the status of a proxy', async () => {
    const error = await failureAt(
      await answering({ ':status': 502, 'content-type': 'text/html', 'x-echo': 'the-secret' }),
    )
    expect(error.message).toMatch(/: the server answered with HTTP status 502: check that the addr/)
    expectPlainMessage(error, ['the-secret'])
  })

  it('has the protocol that a web server does not speak', async () => {
    const error = await failureAt(
      await listening(createHttp1((_, answer) => answer.end('<html>the-secret</html>'))),
    )
    expect(error.message).toMatch(/: the server does not speak HTTP\/2: check that the address/)
    expectPlainMessage(error, ['the-secret'])
  })

  it('names the server that refuses where there are several', async () => {
    const [first = 0, second = 0] = await freePorts(2)
    const error = await failureAt(`127.0.0.1:${first}`, `127.0.0.1:${second}`)
    expect(error.message).toMatch(
      new RegExp(`: 127\\.0\\.0\\.1:(${first}|${second}): the server refused the connection: `),
    )
    expectPlainMessage(error)
  })

  it('has a reason when nothing ever answers', async () => {
    const address = await listening(createServer())
    await using kv = etcd([address], { connectionTimeout: 300 })
    const error = await kv.get('a').catch((reason: unknown) => reason as Error)
    expect(error).toMatchObject({
      code: 'NOT_REACHABLE',
      message: expect.stringMatching(/: the server did not answer before the connection timeout$/),
    })
    expectPlainMessage(error)
  })
})

describe('the message of etcd without access control', () => {
  const servers = runningServers('etcd')

  it('names the options to leave out, and not their values', async () => {
    const credentials = { username: 'somebody', password: 'the-secret' }
    await using kv = etcd(servers().endpoints, credentials)
    const error = await kv.get('a').catch((reason: unknown) => reason as Error)
    expect(error).toMatchObject({
      message: expect.stringMatching(/: access control is off .* username and password$/),
    })
    expectPlainMessage(error, ['the-secret'])
  })
})
