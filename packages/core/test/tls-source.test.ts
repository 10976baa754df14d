import { mkdtempSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { isLibkvError } from '../src/index.ts'
import { TlsSource } from '../src/driver.ts'
import type { TlsOptions } from '../src/index.ts'

const certificates = join(__dirname, '../../../tooling/testing/servers/certs')
const pem = (name: string): string => readFileSync(join(certificates, name), 'utf8')
const ca = pem('ca.pem')
/** Two pairs of the same authority, to rotate between. */
const first = { cert: pem('client.pem'), key: pem('client.key') }
const second = { cert: pem('server.pem'), key: pem('server.key') }

let folder: string
let age = 0

const path = (name: string): string => join(folder, name)

/** Writes a file so that its time differs from before, however coarse the file system's clock. */
function write(name: string, content: string): void {
  writeFileSync(path(name), content)
  utimesSync(path(name), new Date(), new Date(1_700_000_000_000 + 1_000 * ++age))
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'libkv-tls-'))
  write('ca.pem', ca)
  write('cert.pem', first.cert)
  write('key.pem', first.key)
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

const files = (): TlsOptions => ({
  caFile: path('ca.pem'),
  certFile: path('cert.pem'),
  keyFile: path('key.pem'),
})

function refusalOf(work: () => unknown): Error {
  try {
    work()
  } catch (error) {
    if (isLibkvError(error, 'INVALID_OPTION')) return error
    throw error
  }
  throw new Error('was not refused')
}

/** Which client certificate a server sees when one connects with that. */
async function seenBy(source: TlsSource): Promise<string> {
  const server = createServer({ ...second, ca, requestCert: true, rejectUnauthorized: true })
  const peer = new Promise<string>((resolve, reject) => {
    server.once('secureConnection', (socket: TLSSocket) => {
      resolve(String(socket.getPeerX509Certificate()))
      socket.end()
    })
    server.once('tlsClientError', reject)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const { context, servername, rejectUnauthorized } = source.material()
  const socket = connect({
    host: '127.0.0.1',
    port,
    secureContext: context,
    rejectUnauthorized,
    ...(servername !== undefined && { servername }),
  })
  const failed = new Promise<never>((_resolve, reject) => socket.once('error', reject))
  try {
    return await Promise.race([peer, failed])
  } finally {
    peer.catch(() => undefined)
    failed.catch(() => undefined)
    socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
}

describe('TLS options', () => {
  it('can be text, bytes, several authorities, or files', async () => {
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
    for (const options of [
      { ca, ...first },
      { ca: bytes(ca), cert: bytes(first.cert), key: bytes(first.key) },
      { ca: [pem('other-ca.pem'), bytes(ca)], ...first },
      files(),
    ]) {
      expect(await seenBy(new TlsSource(options, 'etcd'))).toBe(first.cert)
    }
  })

  it('open an encrypted key with its passphrase', async () => {
    const options = { ca, cert: first.cert, key: pem('client-encrypted.key') }
    const passphrase = 'test-only'
    expect(await seenBy(new TlsSource({ ...options, passphrase }, 'etcd'))).toBe(first.cert)
    const error = refusalOf(() => new TlsSource(options, 'etcd').material())
    expect(error.message).not.toContain('PRIVATE')
  })

  it('refuse a server of another authority, unless told to accept any', async () => {
    const options = { ca: pem('other-ca.pem'), ...first }
    await expect(seenBy(new TlsSource(options, 'etcd'))).rejects.toThrow()
    const lax = new TlsSource({ ...options, rejectUnauthorized: false }, 'etcd')
    expect(await seenBy(lax)).toBe(first.cert)
  })

  it('may be left to the defaults of the system', () => {
    const { rejectUnauthorized, servername } = new TlsSource(true, 'etcd').material()
    expect([rejectUnauthorized, servername]).toEqual([true, undefined])
  })

  it('refuse the same thing given twice', () => {
    for (const name of ['ca', 'cert', 'key'] as const) {
      const twice = { ...files(), [name]: 'x' }
      expect(refusalOf(() => new TlsSource(twice, 'etcd')).message).toContain(
        `tls.${name} and tls.${name}File exclude each other`,
      )
    }
  })

  it('refuse a certificate without its key and a key without its certificate', () => {
    for (const half of [
      { cert: first.cert },
      { key: first.key },
      { certFile: '/x' },
      { keyFile: '/x' },
    ]) {
      expect(refusalOf(() => new TlsSource(half, 'etcd')).message).toContain('needed together')
    }
  })

  it('refuse a file that is not there, naming it', () => {
    const open = (): unknown => new TlsSource({ caFile: path('none.pem') }, 'etcd')
    expect(refusalOf(open).message).toContain('none.pem')
  })

  it('refuse what is no certificate, and a key of another certificate', () => {
    for (const wrong of [
      { ca: 'nonsense' },
      { ca: '' },
      { ca: ca.slice(0, 200) },
      { ca: [ca, 'nonsense'] },
      { cert: 'nonsense', key: first.key },
      { cert: first.cert, key: 'nonsense' },
      { cert: first.cert, key: second.key },
    ]) {
      const error = refusalOf(() => new TlsSource(wrong, 'etcd').material())
      expect(error.message).not.toContain('PRIVATE KEY')
    }
  })
})

describe('rotated TLS files', () => {
  it('are read again once they have changed', async () => {
    const source = new TlsSource(files(), 'etcd')
    expect(await seenBy(source)).toBe(first.cert)
    write('cert.pem', second.cert)
    write('key.pem', second.key)
    expect(await seenBy(source)).toBe(second.cert)
  })

  it('are noticed when they were replaced by a file of the same time and size', async () => {
    const source = new TlsSource(
      { ca, certFile: path('cert.pem'), keyFile: path('key.pem') },
      'etcd',
    )
    source.material()
    const before = source.material()
    const time = new Date(1_600_000_000_000)
    utimesSync(path('cert.pem'), time, time)
    const touched = source.material()
    expect(touched).not.toBe(before)
    writeFileSync(path('new.pem'), first.cert)
    utimesSync(path('new.pem'), time, time)
    renameSync(path('new.pem'), path('cert.pem'))
    expect(source.material()).not.toBe(touched)
  })

  it('give the same object while nothing has changed', () => {
    const source = new TlsSource(files(), 'etcd')
    expect(source.material()).toBe(source.material())
  })

  it.each<[string, () => void]>([
    ['a file is missing', () => rmSync(path('key.pem'))],
    ['a file is half written', () => write('cert.pem', second.cert.slice(0, 300))],
    ['the authorities are half written', () => write('ca.pem', ca.slice(0, 300))],
    ['a file is empty', () => write('ca.pem', '')],
    ['only the certificate is new yet', () => write('cert.pem', second.cert)],
    ['only the key is new yet', () => write('key.pem', second.key)],
  ])(
    'are used as they were before while %s, and as they are once it is done',
    async (_what, half) => {
      const source = new TlsSource(files(), 'etcd')
      expect(await seenBy(source)).toBe(first.cert)
      half()
      expect(await seenBy(source)).toBe(first.cert)
      write('ca.pem', ca)
      write('cert.pem', second.cert)
      write('key.pem', second.key)
      expect(await seenBy(source)).toBe(second.cert)
    },
  )
})
