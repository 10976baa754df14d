import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import type { Server } from 'node:tls'
import type { TlsOptions } from '@libkv/core'
import { WAIT_TIMEOUT, waitFor } from '../wait-for.ts'
import { doubtfulCertificates } from '../servers/index.ts'
import type { ClientTls } from '../servers/index.ts'
import type { BackendUnderTest } from './backend-under-test.ts'
import { expectPlainMessage } from './plain-message.ts'
import { runningServers } from './running-servers.ts'

/** What a backend says where the contract leaves it a choice. */
export interface TlsMessages {
  /** About a server that speaks TLS, spoken to in plain text. */
  readonly expectsTls: RegExp
  /** About a server that speaks plain text, spoken to in TLS. */
  readonly speaksNoTls: RegExp
  /** About a server's certificate that expired on 2021-01-01. */
  readonly expired: RegExp
}

/** Each failure of TLS has its reason in the message, and the option that helps. */
export function tlsMessageCases(
  { backend, openAt }: BackendUnderTest,
  { expectsTls, speaksNoTls, expired }: TlsMessages,
): void {
  /**
   * Requires that a read fails with this reason. More than one attempt may be needed: on a busy machine to get as far as the
   * handshake, and everywhere since a connection that is reset loses the alert that was on its way.
   */
  async function failsWith(message: RegExp, endpoint: string, tls: TlsOptions | false) {
    const address = endpoint.replace(/^https?:\/\//, '')
    let connectionTimeout = 250
    await waitFor(
      async () => {
        connectionTimeout = Math.min(2 * connectionTimeout, WAIT_TIMEOUT / 4)
        await using kv = openAt([address], { tls, connectionTimeout })
        const error = await kv.get('a').catch((reason: unknown) => reason as Error)
        expect(error).toMatchObject({
          code: 'NOT_REACHABLE',
          message: expect.stringMatching(message),
        })
        expectPlainMessage(error)
        return true
      },
      { what: 'the reason of a failed connection' },
    )
  }

  describe('the message of a failed TLS connection', () => {
    const secured = runningServers(backend, { security: 'tls' })
    const plain = runningServers(backend)
    const { key: loneKey, selfSigned, expired: expiredCert } = doubtfulCertificates()
    const trusted = (): ClientTls => secured().tls as ClientTls

    const cases: Record<string, { tls: () => TlsOptions | false; message: RegExp }> = {
      'a client certificate that is missing': {
        tls: () => ({ ca: trusted().ca }),
        message: /the server requires a client certificate.* tls\.cert and tls\.key$/,
      },
      'a client certificate of an unknown CA': {
        tls: () => ({ ca: trusted().ca, cert: selfSigned, key: loneKey }),
        message: /the server .*refused the .*tls\.cert/,
      },
      'a client certificate that has expired': {
        tls: () => ({ ca: trusted().ca, cert: expiredCert, key: loneKey }),
        message: /the server .*refused the .*tls\.cert/,
      },
      'a server whose CA is another one': {
        tls: () => ({ ca: trusted().otherCa, cert: trusted().cert, key: trusted().key }),
        message: /: the server's certificate was issued by an unknown CA: add that CA to tls\.ca$/,
      },
      'a server whose CA is none of the system': {
        tls: () => ({ cert: trusted().cert, key: trusted().key }),
        message: /: the server's certificate was issued by an unknown CA: add that CA to tls\.ca$/,
      },
      'a server with another name': {
        tls: () => ({ ...pick(trusted()), servername: 'somebody.else' }),
        message:
          /certificate is not for somebody\.else, but for DNS:localhost.*: set tls\.servername/,
      },
      'a server that expects TLS': { tls: () => false, message: expectsTls },
    }
    for (const [what, { tls, message }] of Object.entries(cases)) {
      it(`has the reason for ${what}`, async () => {
        await failsWith(message, secured().endpoints[0] ?? '', tls())
      })
    }

    it('has the reason for a server that does not speak TLS', async () => {
      await failsWith(speaksNoTls, plain().endpoints[0] ?? '', {})
    })

    describe('of a server whose certificate is doubtful', () => {
      const servers: Server[] = []
      async function endpointWith(cert: string): Promise<string> {
        const server = createServer({ cert, key: loneKey, ALPNProtocols: ['h2', 'http/1.1'] })
        server.on('tlsClientError', () => {})
        server.listen(0, '127.0.0.1')
        await once(server, 'listening')
        servers.push(server)
        return `127.0.0.1:${(server.address() as AddressInfo).port}`
      }
      let endpoints: { readonly expired: string; readonly selfSigned: string }
      beforeAll(async () => {
        endpoints = {
          expired: await endpointWith(expiredCert),
          selfSigned: await endpointWith(selfSigned),
        }
      })
      afterAll(() => {
        for (const server of servers) server.close()
      })

      it('has the reason for one that has expired', async () => {
        await failsWith(expired, endpoints.expired, { ca: expiredCert })
      })

      it('has the reason for one that is self-signed', async () => {
        const message = /certificate is self-signed and not trusted: add it to tls\.ca$/
        await failsWith(message, endpoints.selfSigned, {})
      })
    })
  })
}

const pick = ({ ca, cert, key }: ClientTls): TlsOptions => ({ ca, cert, key })
