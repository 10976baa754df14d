import { serverText } from './server-text.ts'

/** How deep the `cause` of an error is followed. */
const MOST_CAUSES = 5

/** The two ends of a certificate's validity, and its issuer, as `tls.TLSSocket.getPeerCertificate(true)` returns them. */
interface Certificate {
  readonly valid_from?: string
  readonly valid_to?: string
  readonly issuerCertificate?: Certificate
}

const anotherProtocol =
  'the server does not speak TLS: remove the option tls, or connect to its TLS port'

/**
 * Reasons by what an error's code and message contain, in lower case and without `_` and `-`: Node.js reports the same
 * failure as `CERT_HAS_EXPIRED` or "certificate has expired", OpenSSL with different prefixes from version to version.
 * The first match counts.
 */
const reasons: readonly (readonly [RegExp, string])[] = [
  // The server's certificate, as this side sees it.
  [
    /self signed cert(ificate)?\b(?! in)/,
    "the server's certificate is self-signed and not trusted: add it to tls.ca",
  ],
  [
    /self signed cert|unable to (verify (leaf|the first)|get (local )?issuer)|cert untrusted/,
    "the server's certificate was issued by an unknown CA: add that CA to tls.ca",
  ],
  [
    /(?<!alert )cert(ificate)? revoked/,
    "the server's certificate was revoked: replace it on the server",
  ],
  // What the server reports about this side. TLS calls these messages alerts.
  [
    /alert certificate required|did not return a certificate/,
    'the server requires a client certificate: set tls.cert and tls.key',
  ],
  [
    /alert bad certificate/,
    'the server requires a client certificate, or refused the one in tls.cert: check tls.cert and tls.key',
  ],
  [
    /alert unknown ca/,
    'the server refused the client certificate: it does not trust the CA that issued tls.cert',
  ],
  [
    /alert certificate expired/,
    'the server refused the client certificate: tls.cert has expired, renew it',
  ],
  [
    /alert (certificate|unsupported certificate|access denied)/,
    'the server refused the client certificate: check tls.cert',
  ],
  [
    /alert unrecognized name/,
    'the server has no certificate for the host name: set tls.servername to a name that it knows',
  ],
  [
    /handshake failure|no shared cipher/,
    'the server refused the TLS handshake: it may require a client certificate (tls.cert and tls.key), or other ciphers',
  ],
  [
    /protocol version|unsupported protocol|no protocols available/,
    'the server and this client have no version of TLS in common',
  ],
  [
    /no application protocol/,
    'the server speaks TLS, but another protocol inside: check the address',
  ],
  [/unexpected eof/, 'the server closed the TLS connection unexpectedly'],
  // What is no TLS at all.
  [/wrong version number|packet length too long|http request|unknown protocol/, anotherProtocol],
  [
    /before secure tls connection/,
    'the server closed the connection during the TLS handshake: if it does not speak TLS, remove the option tls or connect to its TLS port',
  ],
]

/**
 * The reason of a failed TLS connection as a sentence, with the next step; `undefined` for an error that is none of TLS.
 * It never contains the text of OpenSSL.
 *
 * @param error - an error of `node:tls`, or one with such a `cause`, or its text. With a peer certificate as `cert`, as Node.js attaches it to
 * `ERR_TLS_CERT_ALTNAME_INVALID`, the sentence about an expired certificate has the date.
 */
export function tlsReason(error: unknown): string | undefined {
  for (let depth = 0, at = error; depth < MOST_CAUSES && at !== undefined; depth++) {
    const reason = reasonOf(at)
    if (reason !== undefined) return reason
    at = (Object(at) as { cause?: unknown }).cause
  }
  return undefined
}

function reasonOf(error: unknown): string | undefined {
  const { code, message, cert } = partsOf(error)
  const text = `${code} ${message}`.toLowerCase().replace(/[_-]/g, ' ')
  if (/cert(ificate)? has expired/.test(text)) {
    const date = dayOf(
      chainOf(cert).map((link) => link.valid_to),
      Math.min,
    )
    const when = date === undefined ? 'has expired' : `expired on ${date}`
    return `the server's certificate ${when}: renew it on the server`
  }
  if (/cert(ificate is)? not yet valid/.test(text)) {
    const date = dayOf(
      chainOf(cert).map((link) => link.valid_from),
      Math.max,
    )
    const when = date === undefined ? 'yet' : `before ${date}`
    return `the server's certificate is not valid ${when}: check the clocks of both machines`
  }
  if (/altname invalid|altnames|hostname mismatch/.test(text)) return wrongName(message)
  const known = reasons.find(([pattern]) => pattern.test(text))?.[1]
  if (known !== undefined) return known
  const problem = /ssl routines:[^:]*:([^:]+)/.exec(text)?.[1] ?? /^err ssl (.+)/.exec(text)?.[1]
  if (problem !== undefined) return `the TLS handshake failed (${problem.trim()})`
  if (/^(CERT|CRL|UNABLE_TO|ERROR_IN_C|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH)/.test(code)) {
    return `the server's certificate cannot be verified (${code})`
  }
  return undefined
}

function partsOf(error: unknown): { code: string; message: string; cert: Certificate | undefined } {
  if (typeof error !== 'object' || error === null) {
    return { code: '', message: typeof error === 'string' ? error : '', cert: undefined }
  }
  const { code, message, cert } = error as { code?: unknown; message?: unknown; cert?: Certificate }
  return {
    code: typeof code === 'string' ? code : '',
    message: typeof message === 'string' ? message : '',
    cert,
  }
}

/** The certificate and those above it. The last one may be its own issuer. */
function chainOf(certificate: Certificate | undefined): Certificate[] {
  const chain = new Set<Certificate>()
  for (
    let next = certificate;
    next !== undefined && !chain.has(next);
    next = next.issuerCertificate
  )
    chain.add(next)
  return [...chain]
}

/** One of the dates as YYYY-MM-DD: of all certificates in a chain, the one that expires first is the one that has. */
function dayOf(
  dates: readonly (string | undefined)[],
  choose: (...times: number[]) => number,
): string | undefined {
  const times = dates.map((date) => Date.parse(date ?? '')).filter((time) => !Number.isNaN(time))
  return times.length === 0 ? undefined : new Date(choose(...times)).toISOString().slice(0, 10)
}

function wrongName(message: string): string {
  const [, name, names] =
    /(?:Host|IP): (.+?)\.? is not in the cert's (?:altnames|list): ?(.*)/s.exec(message) ?? []
  const next = 'set tls.servername to a name in it'
  if (name === undefined || !names) {
    return `the server's certificate is for another host name: ${next}`
  }
  return `the server's certificate is not for ${name}, but for ${serverText(names) ?? 'other names'}: ${next}`
}
