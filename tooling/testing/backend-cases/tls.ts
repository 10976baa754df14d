import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TlsOptions } from '@libkv/core'
import { waitFor } from '../wait-for.ts'
import { FaultProxy } from '../servers/index.ts'
import type { ClientTls } from '../servers/index.ts'
import type { BackendUnderTest } from './backend-under-test.ts'
import { runningServers } from './running-servers.ts'

/** Mutual TLS: what lets a store in, what does not, and certificates that change. */
export function tlsCases({ backend, openAt }: BackendUnderTest): void {
  describe('mutual TLS', () => {
    afterAll(() => {
      rmSync(folder, { recursive: true })
    })
    const servers = runningServers(backend, { security: 'tls' })
    let tls: ClientTls
    let folder: string
    beforeAll(() => {
      tls = servers().tls as ClientTls
      folder = mkdtempSync(join(tmpdir(), 'libkv-tls-'))
    })

    /** What a put comes to: its value, or its error. */
    async function put(options: TlsOptions, connectionTimeout = 2_000): Promise<unknown> {
      const kv = openAt(servers().endpoints, { tls: options, connectionTimeout })
      try {
        return (await kv.put('tls', 'works')).text()
      } catch (error) {
        return error
      } finally {
        await kv.close()
      }
    }

    const file = (name: string, content: string): string => {
      const path = join(folder, name)
      writeFileSync(path, content)
      return path
    }

    it('works with a CA and a client certificate', async () => {
      const { ca, cert, key } = tls
      expect(await put({ ca, cert, key })).toBe('works')
    })

    it('works with bytes, and with several CAs', async () => {
      const { ca, otherCa, cert, key } = tls
      const bytes = new TextEncoder()
      expect(
        await put({
          ca: [bytes.encode(otherCa), bytes.encode(ca)],
          cert: bytes.encode(cert),
          key: bytes.encode(key),
        }),
      ).toBe('works')
    })

    it('works with an encrypted key and its passphrase', async () => {
      const { ca, cert, encryptedKey, passphrase } = tls
      expect(await put({ ca, cert, key: encryptedKey, passphrase })).toBe('works')
    })

    it('refuses a wrong passphrase before any I/O, without showing it', () => {
      const { ca, cert, encryptedKey } = tls
      const open = (): unknown =>
        openAt(servers().endpoints, {
          tls: { ca, cert, key: encryptedKey, passphrase: 'guessed-wrong' },
        })
      expect(open).toThrow(
        expect.objectContaining({
          code: 'INVALID_OPTION',
          message: expect.not.stringContaining('guessed-wrong'),
        }),
      )
    })

    it('works with files', async () => {
      const options = {
        caFile: file('ca.pem', tls.ca),
        certFile: file('cert.pem', tls.cert),
        keyFile: file('key.pem', tls.key),
      }
      expect(await put(options)).toBe('works')
    })

    it('is NOT_REACHABLE without a client certificate', async () => {
      expect(await put({ ca: tls.ca }, 500)).toMatchObject({ code: 'NOT_REACHABLE' })
    })

    it('is NOT_REACHABLE when the CA did not sign the server', async () => {
      const { otherCa, cert, key } = tls
      const error = await put({ ca: otherCa, cert, key }, 500)
      expect(error).toMatchObject({ code: 'NOT_REACHABLE' })
      expect(String(error)).not.toContain('PRIVATE KEY')
    })

    it('is NOT_REACHABLE when the certificate is for another name, unless that is expected', async () => {
      const { ca, cert, key } = tls
      const wrong = await put({ ca, cert, key, servername: 'somebody.else' }, 500)
      expect(wrong).toMatchObject({ code: 'NOT_REACHABLE' })
      expect(await put({ ca, cert, key, servername: 'localhost' })).toBe('works')
    })

    it('does not look at the certificate when told not to', async () => {
      const { otherCa, cert, key } = tls
      expect(await put({ ca: otherCa, cert, key, rejectUnauthorized: false })).toBe('works')
    })

    it('takes rotated files for new connections', async () => {
      const options = {
        caFile: file('rotated-ca.pem', tls.otherCa),
        certFile: file('rotated-cert.pem', tls.cert),
        keyFile: file('rotated-key.pem', tls.key),
      }
      await using proxy = await FaultProxy.to(servers().endpoints[0] ?? '')
      await using kv = openAt([proxy.endpoint], { tls: options, connectionTimeout: 500 })
      await expect(kv.put('rotated', '1')).rejects.toMatchObject({ code: 'NOT_REACHABLE' })
      copyFileSync(file('new-ca.pem', tls.ca), options.caFile)
      await waitFor(() => kv.put('rotated', '2'), { what: 'a write with the new files' })
      // Half of a rotation: the new certificate is there, its key is not. What worked goes on working.
      rmSync(options.keyFile)
      proxy.cut()
      const pair = await waitFor(() => kv.get('rotated'), { what: 'a read on a new connection' })
      expect(pair.text()).toBe('2')
    })
  })
}
