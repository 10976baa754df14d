/** How deep the `cause` of an error is followed. */
const MOST_CAUSES = 5
/** How many names of a certificate are shown. */
const MOST_NAMES = 5

type Fields = Readonly<Record<string, unknown>>

const UNKNOWN_AUTHORITY =
  "the server's certificate comes from an authority that is not trusted: pass the certificate of that authority as tls.ca"
const REFUSED_CLIENT =
  'the server refused the client certificate, or requires one and got none: check tls.cert and tls.key'
const NO_TLS = 'the server does not speak TLS: remove tls or connect to its TLS port'
const NO_COMMON_VERSION = 'the server and this client have no TLS version in common'
const NO_COMMON_CIPHER = 'the server and this client have no TLS cipher in common'

/** Reasons by the code of a failed verification. */
const VERIFICATIONS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "the server's certificate is self-signed and not trusted: pass it as tls.ca if it is the right one",
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  CERT_UNTRUSTED: UNKNOWN_AUTHORITY,
  CERT_SIGNATURE_FAILURE:
    "the signature of the server's certificate is wrong: check that tls.ca is the authority that issued it",
  CERT_REVOKED: "the server's certificate was revoked: renew it on the server",
  INVALID_PURPOSE:
    "the server's certificate is not meant for a server: issue one with extendedKeyUsage serverAuth",
}

/** Reasons by the name of the alert that the server sent. */
const ALERTS: Readonly<Record<string, string>> = {
  BAD_CERTIFICATE: REFUSED_CLIENT,
  CERTIFICATE_UNKNOWN: REFUSED_CLIENT,
  ACCESS_DENIED: REFUSED_CLIENT,
  CERTIFICATE_REQUIRED: 'the server requires a client certificate: set tls.cert and tls.key',
  UNSUPPORTED_CERTIFICATE:
    'the server does not accept the kind of the client certificate: check its key type and extendedKeyUsage',
  CERTIFICATE_REVOKED: 'the client certificate was revoked: renew tls.cert',
  CERTIFICATE_EXPIRED: 'the client certificate has expired: renew tls.cert',
  UNKNOWN_CA:
    'the server does not trust the authority that issued the client certificate: check tls.cert',
  HANDSHAKE_FAILURE: `${NO_COMMON_CIPHER}, or the server requires a client certificate (tls.cert and tls.key)`,
  PROTOCOL_VERSION: NO_COMMON_VERSION,
  INSUFFICIENT_SECURITY: NO_COMMON_CIPHER,
  INTERNAL_ERROR: "the server failed in the TLS handshake: look at the server's log",
  UNRECOGNIZED_NAME:
    'the server has no certificate for the host name: check the address or tls.servername',
}

/** Reasons by OpenSSL's name of a local failure. */
const FAILURES: Readonly<Record<string, string>> = {
  WRONG_VERSION_NUMBER: NO_TLS,
  PACKET_LENGTH_TOO_LONG: NO_TLS,
  HTTP_REQUEST: NO_TLS,
  UNKNOWN_PROTOCOL: NO_TLS,
  RECORD_LAYER_FAILURE: NO_TLS,
  UNSUPPORTED_PROTOCOL: NO_COMMON_VERSION,
  NO_PROTOCOLS_AVAILABLE: NO_COMMON_VERSION,
  VERSION_TOO_LOW: NO_COMMON_VERSION,
  NO_CIPHERS_AVAILABLE: NO_COMMON_CIPHER,
  NO_SHARED_CIPHER: NO_COMMON_CIPHER,
  UNEXPECTED_EOF_WHILE_READING: 'the server closed the TLS connection without notice',
}

/**
 * The reason why a TLS connection failed: a sentence that states what is wrong and what to do.
 *
 * The date of `CERT_HAS_EXPIRED` and `CERT_NOT_YET_VALID` is taken from the property `cert` of the error, the result of
 * `socket.getPeerCertificate(true)`. Node.js sets that property for `ERR_TLS_CERT_ALTNAME_INVALID` only.
 *
 * @param error - the error of a socket of `node:tls`, or an error with such a `cause`.
 * @returns undefined for an error that is not about TLS. The sentence contains none of OpenSSL's text.
 */
export function tlsReason(error: unknown): string | undefined {
  for (let depth = 0, at = error; depth < MOST_CAUSES && isObject(at); depth++, at = at['cause']) {
    const reason = reasonOf(at)
    if (reason !== undefined) return reason
  }
  return undefined
}

function reasonOf(error: Fields): string | undefined {
  const code = textOf(error['code'])
  if (code === 'CERT_HAS_EXPIRED') return expired(error['cert'])
  if (code === 'CERT_NOT_YET_VALID') return notYetValid(error['cert'])
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return otherName(error)
  const verification = own(VERIFICATIONS, code)
  if (verification !== undefined) return verification
  const message = textOf(error['message'])
  if (code === 'ECONNRESET' && message.includes('before secure TLS connection')) {
    return 'the server closed the connection during the TLS handshake: if it does not speak TLS, remove tls or connect to its TLS port'
  }
  const name = failureName(code, message)
  return name === undefined ? undefined : failure(name)
}

/** OpenSSL's name of the failure, such as `WRONG_VERSION_NUMBER`. */
function failureName(code: string, message: string): string | undefined {
  if (code.startsWith('ERR_SSL_')) return code.slice('ERR_SSL_'.length)
  // Errors of a write have the code EPROTO and the name in the message only.
  const [, reason] = /:SSL routines:[^:]*:([^:]+)/.exec(message) ?? []
  return reason?.trim().toUpperCase().replaceAll(' ', '_')
}

function failure(name: string): string {
  // Newer versions of OpenSSL write SSL/TLS where older ones write SSLV3.
  const [, alert] = /^(?:SSLV3|TLSV1|TLSV13|SSL\/TLS)_(?:ALERT_)?(\w+)$/.exec(name) ?? []
  if (alert !== undefined) {
    return own(ALERTS, alert) ?? `the server ended the TLS connection (alert ${wordsOf(alert)})`
  }
  return own(FAILURES, name) ?? `the TLS connection failed (${wordsOf(name)})`
}

function expired(certificate: unknown): string {
  const [first] = datesOf(certificate, 'valid_to').sort(byDate)
  if (first === undefined) return "the server's certificate has expired: renew it on the server"
  return `${subjectOf(first)} expired on ${first.date}: renew it on the server`
}

function notYetValid(certificate: unknown): string {
  const last = datesOf(certificate, 'valid_from').sort(byDate).at(-1)
  if (last === undefined) return "the server's certificate is not valid yet: check the clocks"
  return `${subjectOf(last)} is not valid before ${last.date}: check the clocks`
}

function otherName({ host, cert }: Fields): string {
  const names = textOf(isObject(cert) ? cert['subjectaltname'] : undefined)
    .split(', ')
    .map((entry) => entry.replace(/^(?:DNS|IP Address):/, ''))
    // Anything else cannot be a host.
    .filter((name) => /^[\w.*:-]+$/.test(name))
  const shown = names.slice(0, MOST_NAMES).join(', ')
  const more = names.length > MOST_NAMES ? `, … (${names.length} names)` : ''
  const is = names.length === 0 ? 'names no host' : `is for ${shown}${more}`
  const asked = textOf(host).replace(/\.$/, '')
  return `the server's certificate ${is}, not for ${asked}: connect to a name in the certificate, or set tls.servername to one`
}

interface CertificateDate {
  /** As `2024-01-02`. */
  readonly date: string
  readonly isLeaf: boolean
}

/** A date of each certificate in the chain, the server's own first. */
function datesOf(certificate: unknown, name: 'valid_from' | 'valid_to'): CertificateDate[] {
  const dates: CertificateDate[] = []
  const seen = new Set<unknown>()
  // The issuer of the last one is itself.
  for (let at = certificate; isObject(at) && !seen.has(at); at = at['issuerCertificate']) {
    const time = Date.parse(textOf(at[name]))
    const isLeaf = seen.size === 0
    if (!Number.isNaN(time)) dates.push({ date: new Date(time).toISOString().slice(0, 10), isLeaf })
    seen.add(at)
  }
  return dates
}

const byDate = (a: CertificateDate, b: CertificateDate): number => a.date.localeCompare(b.date)

const subjectOf = ({ isLeaf }: CertificateDate): string =>
  isLeaf ? "the server's certificate" : "the certificate of an authority in the server's chain"

const own = (table: Readonly<Record<string, string>>, name: string): string | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined

const wordsOf = (name: string): string => name.toLowerCase().replace(/\W|_/g, ' ')

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null
