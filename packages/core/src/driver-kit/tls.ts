import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { isIP } from 'node:net'
import { createSecureContext } from 'node:tls'
import type { ConnectionOptions, SecureContext } from 'node:tls'
import { LibkvError } from '../contract/errors.ts'
import { boolean, checkOptions, text, wrongType } from '../options/option-rules.ts'
import type { OptionRule, OptionRules } from '../options/option-rules.ts'

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
  /** The path of a PEM file with `ca`. */
  readonly caFile?: string | undefined
  /** The path of a PEM file with `cert`. */
  readonly certFile?: string | undefined
  /** The path of a PEM file with `key`. */
  readonly keyFile?: string | undefined
  /** The passphrase of an encrypted `key`. */
  readonly passphrase?: string | undefined
  /** The host name to expect in the server's certificate, instead of the host connected to. */
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

/** The material as options of `node:tls`. */
export function tlsOptions(material: TlsMaterial): ConnectionOptions {
  const { context, servername, rejectUnauthorized } = material
  return { secureContext: context, servername, rejectUnauthorized }
}

const FILES = { ca: 'caFile', cert: 'certFile', key: 'keyFile' } as const
type Part = keyof typeof FILES

const CERTIFICATE = /^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/
const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/

const pem: OptionRule = {
  check: (value, name) => {
    for (const part of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (typeof part !== 'string' && !ArrayBuffer.isView(part)) {
        throw wrongType(name, 'PEM text or bytes, or an array of them', part)
      }
    }
    return undefined
  },
}

const path = text((value, name) => {
  if (value === '') return `${name} is empty; it must be the path of a PEM file`
  if (!value.includes('-----BEGIN') && !/[\n\0]/.test(value)) return undefined
  return `${name} holds PEM text instead of a path; give the text as ${name.replace(/File$/, '')}`
})

const servername = text((value, name) => {
  if (value === '') return `${name} is empty; leave it out to expect the host connected to`
  if (isIP(value) === 0) return undefined
  return `${name} is an IP address; it must be a host name (an address connected to is verified without it)`
})

/** The rules of {@link TlsOptions}. */
export const tlsRules: OptionRules<TlsOptions> = {
  ...{ ca: pem, cert: pem, key: pem },
  ...{ caFile: path, certFile: path, keyFile: path },
  passphrase: text(),
  servername,
  rejectUnauthorized: boolean,
}

/** The TLS options of a store; it notices when their files have changed. */
export class TlsSource {
  readonly #options: TlsOptions
  readonly #backend: string
  #stamp = ''
  #material: TlsMaterial | undefined

  /**
   * Reads the files, so that what is wrong is known before the first connection.
   *
   * @throws TypeError for an option of the wrong type. LibkvError `INVALID_OPTION` when something is given twice, a key
   * without its certificate, a file cannot be read, or what is given does not fit together.
   */
  constructor(options: TlsOptions | true, backend: string) {
    this.#options = options === true ? {} : options
    this.#backend = backend
    checkOptions(this.#options, tlsRules, { backend, prefix: 'tls.' })
    for (const name of Object.keys(FILES) as Part[]) {
      if (this.#options[name] !== undefined && this.#options[FILES[name]] !== undefined) {
        throw this.#invalid(`tls.${name} and tls.${FILES[name]} exclude each other`)
      }
    }
    const has = (name: Part): boolean =>
      (this.#options[name] ?? this.#options[FILES[name]]) !== undefined
    if (has('cert') !== has('key')) {
      throw this.#invalid('tls.cert and tls.key are needed together')
    }
    this.material()
  }

  /** A secret, for `Driver.secrets`. */
  get passphrase(): string | undefined {
    return this.#options.passphrase
  }

  /**
   * What to connect with now: the same object as before while nothing has changed. While a rotation is half done, that
   * is the last that was usable.
   */
  material(): TlsMaterial {
    try {
      const stamp = this.#stampOfFiles()
      if (this.#material === undefined || stamp !== this.#stamp) {
        this.#material = this.#read()
        this.#stamp = stamp
      }
    } catch (error) {
      if (this.#material === undefined) throw error
    }
    return this.#material
  }

  #stampOfFiles(): string {
    return Object.values(FILES)
      .map((name) => {
        const file = this.#options[name]
        if (file === undefined) return ''
        const { mtimeMs, size, ino } = this.#reading(name, file, () => statSync(file))
        return [mtimeMs, size, ino].join(' ')
      })
      .join('|')
  }

  #read(): TlsMaterial {
    const { rejectUnauthorized = true } = this.#options
    const ca = this.#certificates('ca')
    const cert = this.#certificates('cert')
    const key = this.#key()
    const context = this.#usable(() =>
      createSecureContext({ ...(ca && { ca }), ...(cert && { cert }), ...key }),
    )
    return { context, servername: this.#options.servername, rejectUnauthorized }
  }

  /** Certificates one by one: OpenSSL takes a bundle up to the first that it cannot read, and says nothing. */
  #certificates(name: 'ca' | 'cert'): string[] | undefined {
    const given = this.#pem(name)
    if (given === undefined) return undefined
    return given.flatMap(({ option, content }) => {
      // A file may hold the private key as well.
      const blocks = content.split(/(?=-----BEGIN )/).filter((block) => CERTIFICATE.test(block))
      if (blocks.length === 0) throw this.#notPem(option, content, 'certificate')
      for (const [index, block] of blocks.entries()) {
        if (isCertificate(block)) continue
        const which =
          blocks.length === 1
            ? 'the certificate'
            : `certificate ${String(index + 1)} of ${String(blocks.length)}`
        throw this.#invalid(`${which} in ${option} cannot be read${hintOn(block)}`)
      }
      return blocks
    })
  }

  #key(): { key: string; passphrase?: string } | undefined {
    const given = this.#pem('key')
    if (given === undefined) return undefined
    const content = given.map((part) => part.content).join('\n')
    const option = given[0]?.option ?? 'tls.key'
    if (!PRIVATE_KEY.test(content)) throw this.#notPem(option, content, 'private key')
    const { passphrase } = this.#options
    const key = { key: content, ...(passphrase !== undefined && { passphrase }) }
    try {
      createPrivateKey(key)
      return key
    } catch {
      if (!content.includes('ENCRYPTED')) {
        throw this.#invalid(`the private key in ${option} cannot be read${hintOn(content)}`)
      }
      throw this.#invalid(
        passphrase === undefined
          ? `the private key in ${option} is encrypted; tls.passphrase is needed`
          : `the private key in ${option} cannot be decrypted with tls.passphrase`,
      )
    }
  }

  #pem(name: Part): { option: string; content: string }[] | undefined {
    const file = this.#options[FILES[name]]
    if (file !== undefined) {
      const option = `tls.${FILES[name]} '${file}'`
      return [
        { option, content: this.#reading(FILES[name], file, () => readFileSync(file, 'utf8')) },
      ]
    }
    const given = this.#options[name]
    if (given === undefined) return undefined
    const parts = typeof given === 'string' || ArrayBuffer.isView(given) ? [given] : given
    const decoder = new TextDecoder()
    return parts.map((part) => ({
      option: `tls.${name}`,
      content: typeof part === 'string' ? part : decoder.decode(part),
    }))
  }

  #reading<T>(option: string, file: string, read: () => T): T {
    try {
      return read()
    } catch (error) {
      const { code = 'unknown error' } = error as NodeJS.ErrnoException
      throw this.#invalid(`tls.${option} '${file}' cannot be read: ${code}`)
    }
  }

  #usable<T>(make: () => T): T {
    try {
      return make()
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH') {
        throw this.#invalid('tls.key is not the private key of the certificate in tls.cert')
      }
      throw this.#invalid(`tls.cert and tls.key cannot be used together: ${String(code)}`)
    }
  }

  /** Says what the content looks like, and never shows it: it may be a private key. */
  #notPem(option: string, content: string, expected: string): LibkvError {
    if (content.trim() === '') return this.#invalid(`${option} is empty; it must be PEM text`)
    if (/^[\w./\\:~ -]{1,255}$/.test(content) && /[./\\]/.test(content)) {
      return this.#invalid(`${option} looks like a path; give a path as ${option}File`)
    }
    return this.#invalid(`${option} is not PEM text of a ${expected}`)
  }

  #invalid(message: string): LibkvError {
    return new LibkvError('INVALID_OPTION', message, { backend: this.#backend })
  }
}

function isCertificate(block: string): boolean {
  try {
    return new X509Certificate(block).raw.length > 0
  } catch {
    return false
  }
}

/** Environment variables often hold PEM text with its line breaks written out. */
const hintOn = (content: string): string =>
  content.includes('\\n') ? "; it has the two characters '\\n' where line breaks belong" : ''
