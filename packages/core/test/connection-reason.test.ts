import { describe, expect, it } from '@jest/globals'
import { inspect } from 'node:util'
import { atServer, connectionCause, connectionReason, unreachable } from '../src/driver.ts'
import { LibkvError } from '../src/index.ts'
import type { ConnectionContext } from '../src/driver.ts'

const error = (code: string, message = '', more: object = {}): Error =>
  Object.assign(new Error(message), { code, ...more })

describe('the reason of a failed connection', () => {
  const reasons: Record<
    string,
    readonly [error: unknown, context: ConnectionContext, sentence: RegExp]
  > = {
    'a refusal': [error('ECONNREFUSED'), {}, /^the server refused the connection: .*ECONNREFUSED/],
    'a name': [error('ENOTFOUND'), {}, /^the host name cannot be resolved: .*\(ENOTFOUND\)$/],
    'a name that reads like a failure of TLS': [
      error('ENOTFOUND', 'getaddrinfo ENOTFOUND self-signed-cert.example'),
      {},
      /^the host name cannot be resolved/,
    ],
    'a network': [error('EHOSTUNREACH'), {}, /^the server cannot be reached: .*\(EHOSTUNREACH\)$/],
    'a limit of this process': [error('EMFILE'), {}, /^this process may not open more/],
    'a code without a sentence': [error('EWEIRD'), {}, /^the connection failed \(EWEIRD\)$/],
    'a message without a code': [new Error('odd\nlines'), {}, /^the connection failed: odd lines$/],
    'a failure of TLS': [error('CERT_HAS_EXPIRED'), {}, /^the server's certificate has expired/],
    'a closed connection': [error('ECONNRESET'), {}, /^the server closed the connection$/],
    'a closed connection that was never answered': [
      error('UND_ERR_SOCKET', 'other side closed'),
      { unanswered: 'plain' },
      /without an answer: if it expects TLS, set tls or use https:\/\/ addresses$/,
    ],
    'a closed connection over TLS that was never answered': [
      error('EPIPE'),
      { unanswered: 'tls' },
      /without an answer: it may require a client certificate: set tls\.cert and tls\.key$/,
    ],
    'an answer that is not HTTP': [
      error('HPE_INVALID_CONSTANT'),
      {},
      /^the server does not answer in HTTP: check the address \(HPE_INVALID_CONSTANT\)$/,
    ],
    'an answer that is not HTTP, as undici reports it': [
      Object.assign(new Error('Response does not match'), { name: 'HTTPParserError', data: 'x' }),
      {},
      /^the server does not answer in HTTP/,
    ],
    'an answer that ends too early, as undici reports it': [
      Object.assign(new Error('(Invalid EOF state)'), { name: 'HTTPParserError', data: 'x' }),
      {},
      /^the server closed the connection$/,
    ],
    'an answer that is not HTTP to the first request': [
      error('HPE_INVALID_CONSTANT'),
      { unanswered: 'plain' },
      /whether the server expects TLS/,
    ],
    'an empty object': [{}, {}, /^the connection failed$/],
    nothing: [undefined, {}, /^the connection failed$/],
  }
  for (const [what, [failure, context, sentence]] of Object.entries(reasons)) {
    it(`is a sentence for ${what}`, () => {
      expect(connectionReason(failure, context)).toMatch(sentence)
    })
  }
})

describe('the cause of a failed connection', () => {
  it('has the code and the address, and no piece of an answer', () => {
    const cause = connectionCause(
      error('HPE_INVALID_CONSTANT', 'Parse Error', { data: 'token', address: '::1', port: 1 }),
    )
    expect(cause).toMatchObject({ code: 'HPE_INVALID_CONSTANT', address: '::1', port: 1 })
    expect(inspect(cause)).not.toContain('token')
  })

  it('is the error itself where it has no code, as a mistake in a program', () => {
    const mistake = new TypeError('x is not a function')
    expect(connectionCause(mistake)).toBe(mistake)
  })
})

describe('the error of a call that reaches no server', () => {
  it('has the reason of each endpoint', () => {
    const cause = new Error('refused')
    const failure = new LibkvError('NOT_REACHABLE', atServer({ address: 'a:1' }, 'it refused'), {
      cause,
    })
    expect(
      unreachable('etcd', [
        { context: { address: 'b:1' }, failure: undefined },
        { context: { address: 'a:1' }, failure },
      ]),
    ).toMatchObject({
      code: 'NOT_REACHABLE',
      retryable: true,
      ambiguous: false,
      message: 'b:1: the server did not answer before the connection timeout; a:1: it refused',
      cause,
    })
  })

  it('does not name the endpoint where there is only one', () => {
    expect(unreachable('etcd', [{ context: {}, failure: undefined }]).message).toMatch(
      /^the server/,
    )
  })
})
