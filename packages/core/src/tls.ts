import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { SecureContext } from 'node:tls'
import { LibkvError } from './errors.ts'

/** PEM text or bytes, or several. */
export type Pem = string | Uint8Array | readonly (string | Uint8Array)[]

/**
 * TLS towards the servers. The names and meanings are those of `node:tls`; each of `ca`, `cert` and `key` can also be
 * given as the path of a PEM file, which is read again for new connections once it has changed, so that rotated
 * certificates take effect without a restart.
 */
export interface TlsOptions {
  /** Authorities to trust instead of the system's. */
  readonly ca?: Pem | undefined
  /** The client's certificate chain. */
  readonly cert?: Pem | undefined
  /** The client's private key. */
  readonly key?: Pem | undefined
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  /** The passphrase of an encrypted `key`. */
  readonly passphrase?: string | undefined
  /** The name to expect in the server's certificate, instead of the host connected to. */
  readonly servername?: string | undefined
  /**
   * Whether to refuse a server whose certificate cannot be verified.
   *
   * @default true
   */
  readonly rejectUnauthorized?: boolean | undefined
}

/** What to connect with. */
export interface TlsMaterial {
  readonly context: SecureContext
  readonly servername: string | undefined
  readonly rejectUnauthorized: boolean
}

const FILES = { ca: 'caFile', cert: 'certFile', key: 'keyFile' } as const

/** The TLS options of a store; it notices when their files have changed. */
export class TlsSource {
  readonly #options: TlsOptions
  readonly #backend: string
  #stamp = ''
  #material: TlsMaterial | undefined

  /** @throws LibkvError `INVALID_OPTION` when something is given twice, or a key without its certificate. */
  constructor(options: TlsOptions | true, backend: string) {
    this.#options = options === true ? {} : options
    this.#backend = backend
    for (const [name, file] of Object.entries(FILES) as [keyof typeof FILES, 'caFile'][]) {
      if (this.#options[name] !== undefined && this.#options[file] !== undefined) {
        throw this.#invalid(`tls.${name} and tls.${file} exclude each other`)
      }
    }
    const has = (name: keyof typeof FILES): boolean =>
      (this.#options[name] ?? this.#options[FILES[name]]) !== undefined
    if (has('cert') !== has('key')) {
      throw this.#invalid('tls.cert and tls.key are needed together')
    }
  }

  /**
   * What to connect with now: the same object as before while nothing has changed.
   *
   * @throws LibkvError `INVALID_OPTION` if a file cannot be read, or what is given does not make sense, such as a key that is
   * not the certificate's; unless there was something that did.
   */
  material(): TlsMaterial {
    try {
      const stamp = this.#stampOfFiles()
      if (this.#material === undefined || stamp !== this.#stamp) {
        this.#material = this.#read()
        this.#stamp = stamp
      }
    } catch (error) {
      // A rotation may be half done: go on with what was there before.
      if (this.#material === undefined) {
        throw this.#invalid(`the tls options cannot be used: ${(error as Error).message}`)
      }
    }
    return this.#material
  }

  #stampOfFiles(): string {
    return Object.values(FILES)
      .map((name) => this.#options[name])
      .map((path) => {
        if (path === undefined) return ''
        const { mtimeMs, size, ino } = statSync(path)
        return [mtimeMs, size, ino].join(' ')
      })
      .join('|')
  }

  #read(): TlsMaterial {
    const { passphrase, servername, rejectUnauthorized = true } = this.#options
    const ca = this.#pem('ca')
    // OpenSSL takes what is no certificate for no authority at all.
    for (const part of ca ?? []) new X509Certificate(part)
    const cert = this.#pem('cert')
    const key = this.#pem('key')
    const context = createSecureContext({
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key: Buffer.concat(key.map((part) => Buffer.from(part))) }),
      ...(passphrase !== undefined && { passphrase }),
    })
    return { context, servername, rejectUnauthorized }
  }

  #pem(name: keyof typeof FILES): (string | Buffer)[] | undefined {
    const path = this.#options[FILES[name]]
    if (path !== undefined) return [readFileSync(path)]
    const given = this.#options[name]
    if (given === undefined) return undefined
    const parts = typeof given === 'string' || ArrayBuffer.isView(given) ? [given] : given
    return parts.map((part) =>
      typeof part === 'string' ? part : Buffer.from(part.buffer, part.byteOffset, part.byteLength),
    )
  }

  #invalid(message: string): LibkvError {
    return new LibkvError('INVALID_OPTION', message, { backend: this.#backend })
  }
}
