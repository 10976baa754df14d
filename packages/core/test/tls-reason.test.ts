import { readFileSync } from 'node:fs'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import type { ConnectionOptions, TlsOptions } from 'node:tls'
import { describe, expect, it } from '@jest/globals'
import { tlsReason } from '../src/index.ts'

const certificates = join(__dirname, '../../../tooling/servers/certs')
const pem = (name: string): string => readFileSync(join(certificates, name), 'utf8')
const ca = pem('ca.pem')
const server = { cert: pem('server.pem'), key: pem('server.key') }

/** The error of a client's connection to a server, and the reason found in it. */
async function failure(
  listening: Server,
  options: ConnectionOptions,
): Promise<{ readonly reason: string | undefined; readonly error: unknown }> {
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  const { port } = listening.address() as AddressInfo
  const error = await new Promise((resolve) => {
    connect({ host: '127.0.0.1', port, ...options })
      .once('error', resolve)
      .on('data', () => {})
  })
  listening.close()
  return { reason: tlsReason(error), error }
}

const tlsServer = (options: TlsOptions): Server =>
  createServer({ ...server, ca, ...options }, (socket) => {
    socket.on('error', () => {})
  }).on('tlsClientError', () => {})

/** A server that answers the first bytes with this text; with `null` it closes the connection. */
const plainServer = (answer: string | null): Server =>
  createTcpServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => (answer === null ? socket.end() : socket.end(answer)))
  })

const openSslText = (reason: string): string =>
  `80FCC25AE77F0000:error:0A00010B:SSL routines:ssl3_get_record:${reason}:../deps/openssl/openssl/ssl/record/x.c:350:\n`

describe('the reason why a TLS connection failed', () => {
  const real: readonly [string, Server, ConnectionOptions, RegExp][] = [
    ['an unknown authority', tlsServer({}), {}, /authority that is not trusted: .* tls\.ca/],
    [
      'another host name',
      tlsServer({}),
      { ca, servername: 'other.example' },
      /is for localhost, server\.dc1\.consul, etcd0, etcd1, etcd2, … \(6 names\), not for other\.example: .*servername/,
    ],
    [
      'a missing client certificate',
      tlsServer({ requestCert: true }),
      { ca },
      /requires a client certificate: set tls\.cert and tls\.key/,
    ],
    [
      'no common version',
      tlsServer({ minVersion: 'TLSv1.3' }),
      { ca, maxVersion: 'TLSv1.2' },
      /no TLS version in common/,
    ],
    [
      'no common cipher',
      tlsServer({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }),
      { ca, ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' },
      /no TLS cipher in common/,
    ],
    [
      'a server that answers in plain text',
      plainServer('HTTP/1.1 400 Bad Request\r\n\r\n'),
      {},
      /does not speak TLS: remove tls or connect to its TLS port/,
    ],
    [
      'a server that closes the connection',
      plainServer(null),
      {},
      /closed .* during the TLS handshake/,
    ],
  ]

  it.each(real)('is reported for %s', async (_what, listening, options, expected) => {
    const { reason, error } = await failure(listening, options)
    expect({ reason, error }).toMatchObject({ reason: expect.stringMatching(expected) })
    expect(reason).not.toMatch(/openssl|SSL routines|error:/i)
    expect(tlsReason(new Error('wrapped', { cause: error }))).toBe(reason)
  })

  const codes: readonly [string, RegExp][] = [
    ['DEPTH_ZERO_SELF_SIGNED_CERT', /self-signed and not trusted/],
    ['SELF_SIGNED_CERT_IN_CHAIN', /not trusted: .* tls\.ca/],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', /not trusted: .* tls\.ca/],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /not trusted: .* tls\.ca/],
    ['CERT_REVOKED', /was revoked/],
    ['CERT_HAS_EXPIRED', /^the server's certificate has expired/],
    ['CERT_NOT_YET_VALID', /not valid yet: check the clocks/],
    ['ERR_SSL_WRONG_VERSION_NUMBER', /does not speak TLS/],
    ['ERR_SSL_PACKET_LENGTH_TOO_LONG', /does not speak TLS/],
    ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', /refused the client certificate, or requires one/],
    ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', /refused the client certificate, or requires one/],
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', /client certificate has expired/],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', /does not trust the authority/],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', /no TLS version in common/],
    ['ERR_SSL_TLSV1_UNRECOGNIZED_NAME', /no certificate for the host name/],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', /requires a client certificate/],
    ['ERR_SSL_TLSV1_ALERT_USER_CANCELLED', /\(alert user cancelled\)$/],
    ['ERR_SSL_LEGACY_SIGALG_DISALLOWED', /failed \(legacy sigalg disallowed\)$/],
  ]

  it.each(codes)('is reported for %s', (code, expected) => {
    const reason = tlsReason(Object.assign(new Error(openSslText('whatever')), { code }))
    expect(reason).toMatch(expected)
    expect(reason).not.toContain('openssl')
  })

  it.each(['wrong version number', 'packet length too long'])(
    'is read from the text of an EPROTO: %s',
    (text) => {
      const error = Object.assign(new Error(`write EPROTO ${openSslText(text)}`), {
        code: 'EPROTO',
      })
      expect(tlsReason(error)).toMatch(/does not speak TLS/)
    },
  )

  it('names the date and the certificate that expired or is not valid yet', () => {
    const year = (from: number, to: number): { valid_from: string; valid_to: string } => ({
      valid_from: `Jan  2 00:00:00 ${from} GMT`,
      valid_to: `Jan  2 00:00:00 ${to} GMT`,
    })
    const root = { ...year(2010, 2060), issuerCertificate: {} }
    root.issuerCertificate = root
    const reason = (code: string, leaf: object, issuer: object = root): string | undefined =>
      tlsReason({ code, message: '', cert: { ...leaf, issuerCertificate: issuer } })
    expect(reason('CERT_HAS_EXPIRED', year(2020, 2024))).toBe(
      "the server's certificate expired on 2024-01-02: renew it on the server",
    )
    expect(reason('CERT_NOT_YET_VALID', year(2040, 2041))).toBe(
      "the server's certificate is not valid before 2040-01-02: check the clocks",
    )
    const old = { ...year(2010, 2022), issuerCertificate: root }
    expect(reason('CERT_HAS_EXPIRED', year(2020, 2050), old)).toBe(
      "the certificate of an authority in the server's chain expired on 2022-01-02: renew it on the server",
    )
    expect(reason('CERT_HAS_EXPIRED', { valid_to: 'never' }, {})).toBe(
      "the server's certificate has expired: renew it on the server",
    )
  })

  it('omits names of a certificate that cannot be hosts', () => {
    const cert = { subjectaltname: 'DNS:a.example, DNS:"b\u001b[2J", IP Address:::1, URI:x y' }
    const error = { code: 'ERR_TLS_CERT_ALTNAME_INVALID', message: '', host: 'c.example.', cert }
    expect(tlsReason(error)).toMatch(/is for a\.example, ::1, not for c\.example:/)
    expect(tlsReason({ ...error, cert: {} })).toMatch(/names no host, not for c\.example:/)
  })

  const others: readonly [string, unknown][] = [
    ['a refused connection', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })],
    ['a reset after the handshake', Object.assign(new Error('read'), { code: 'ECONNRESET' })],
    ['an error without a code', new Error('x')],
    ['a code that is a property of all objects', { code: 'toString', message: 'x' }],
    ['a code that is no text', { code: 7, message: 8 }],
    ['text', 'CERT_HAS_EXPIRED'],
    ['nothing', undefined],
    ['null', null],
  ]

  it.each(others)('is undefined for %s', (_what, error) => {
    expect(tlsReason(error)).toBeUndefined()
  })

  it('is undefined for a circle of causes without one', () => {
    const error = new Error('a')
    error.cause = new Error('b', { cause: error })
    expect(tlsReason(error)).toBeUndefined()
  })
})
