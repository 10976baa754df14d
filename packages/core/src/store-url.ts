import { LibkvError } from './errors.ts'

/** What a store URL says. */
export interface StoreUrl {
  readonly backend: string
  readonly addresses: readonly string[]
  /** Namespace, credentials, and what the query says. */
  readonly options: Readonly<Record<string, unknown>>
}

const form = /^([a-z][a-z0-9+.-]*):\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i

type Reader = (text: string) => unknown

/** Options that a query may set, and how to read them. */
const readers: ReadonlyMap<string, Reader> = new Map([
  ['connectionTimeout', Number],
  ['requestTimeout', Number],
])

/** What a query may say of TLS: `tls=true`, and each of these as `tls.caFile=…`. */
const tlsReaders: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['caFile', String],
  ['certFile', String],
  ['keyFile', String],
  ['passphrase', String],
  ['servername', String],
  ['rejectUnauthorized', (text) => text !== 'false'],
])

/**
 * Reads `backend://user:password@host:port,host:port/namespace?option=value`. Names, passwords and the namespace are
 * percent-decoded. The query knows `connectionTimeout`, `requestTimeout`, `tls=true` and `tls.caFile`, `tls.certFile`,
 * `tls.keyFile`, `tls.passphrase`, `tls.servername`, `tls.rejectUnauthorized`; a backend is handed the rest as text.
 *
 * @throws LibkvError `INVALID_OPTION`. Messages never show the URL, for it may hold a password.
 */
export function parseStoreUrl(url: string): StoreUrl {
  const match = form.exec(url)
  if (match === null) throw invalid('it is not backend://host:port,…/namespace')
  const [, scheme = '', userinfo, hosts = '', path = '', query = ''] = match
  const options: Record<string, unknown> = {}
  if (path !== '') options['namespace'] = decode(path)
  if (userinfo !== undefined) {
    const colon = userinfo.indexOf(':')
    options['username'] = decode(colon < 0 ? userinfo : userinfo.slice(0, colon))
    if (colon >= 0) options['password'] = decode(userinfo.slice(colon + 1))
  }
  const tls: Record<string, unknown> = {}
  for (const [name, text] of new URLSearchParams(query)) {
    if (name === 'tls') options['tls'] = text !== 'false'
    else if (name.startsWith('tls.')) tls[name.slice(4)] = readTls(name, text)
    else options[name] = (readers.get(name) ?? String)(text)
  }
  if (Object.keys(tls).length > 0 && options['tls'] !== false) options['tls'] = tls
  const addresses = hosts.split(',').filter((host) => host !== '')
  return { backend: scheme.toLowerCase(), addresses, options }
}

function readTls(name: string, text: string): unknown {
  const read = tlsReaders.get(name.slice(4))
  if (read === undefined) throw invalid(`it has an unknown parameter '${name}'`)
  return read(text)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('it has a percent sign that encodes nothing')
  }
}

function invalid(reason: string): LibkvError {
  return new LibkvError('INVALID_OPTION', `the store URL cannot be read: ${reason}`)
}
