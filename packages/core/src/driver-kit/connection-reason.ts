import { LibkvError } from '../contract/errors.ts'
import { serverText } from './server-text.ts'
import { tlsReason } from './tls-reason.ts'

/** What the message of a failed connection contains beside the reason. */
export interface ConnectionContext {
  /** The server, `host:port`; left out in a store with one address, which core names. */
  readonly address?: string | undefined
  /** How the client speaks to the server, while it has never answered: only then is the wrong way a likely reason. */
  readonly unanswered?: 'tls' | 'plain' | undefined
}

const UNREACHABLE = 'the server cannot be reached: check the address and the network'
const UNRESOLVED = 'the host name cannot be resolved: check the address'
const TOO_MANY_FILES = 'this process may not open more files or sockets'
const CLOSED = 'the server closed the connection'
const REFUSED = 'the server refused the connection: check the address, and that a server runs there'

const sentences: Readonly<Record<string, string>> = {
  ECONNREFUSED: REFUSED,
  ENOTFOUND: UNRESOLVED,
  EAI_AGAIN: UNRESOLVED,
  EAI_FAIL: UNRESOLVED,
  EAI_NODATA: UNRESOLVED,
  EAI_NONAME: UNRESOLVED,
  EADDRNOTAVAIL: UNREACHABLE,
  EHOSTDOWN: UNREACHABLE,
  EHOSTUNREACH: UNREACHABLE,
  ENETDOWN: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ETIMEDOUT: UNREACHABLE,
  EMFILE: TOO_MANY_FILES,
  ENFILE: TOO_MANY_FILES,
}

/** Codes of a connection that the other side ended. */
const CLOSED_BY_SERVER =
  /^(ECONNRESET|ECONNABORTED|EPIPE|HPE_INVALID_EOF_STATE|UND_ERR_(SOCKET|RES_CONTENT_LENGTH_MISMATCH))$/

const NO_ANSWER = 'the server did not answer before the connection timeout'

export const EXPECTS_TLS = 'the server expects TLS: set tls, or use https:// addresses'

/**
 * Why a connection failed, as a sentence with the next step. It quotes neither OpenSSL nor an answer of the server.
 *
 * @param error - an error of `node:net`, `node:tls`, `node:http` or undici.
 */
export function connectionReason(error: unknown, { unanswered }: ConnectionContext = {}): string {
  const code = codeOf(error)
  const known = sentences[code ?? '']
  if (known !== undefined) return `${known} (${String(code)})`
  const tls = tlsReason(error)
  if (tls !== undefined) return tls
  if (code === undefined) {
    const { message } = (error ?? {}) as { message?: unknown }
    const text = typeof message === 'string' ? serverText(message) : undefined
    return text === undefined ? 'the connection failed' : `the connection failed: ${text}`
  }
  if (CLOSED_BY_SERVER.test(code)) {
    if (unanswered === undefined) return CLOSED
    const guess =
      unanswered === 'tls'
        ? 'it may require a client certificate: set tls.cert and tls.key'
        : 'if it expects TLS, set tls or use https:// addresses'
    return `${CLOSED} without an answer: ${guess}`
  }
  if (code.startsWith('HPE_')) {
    const guess = unanswered === 'plain' ? ', and whether the server expects TLS' : ''
    return `the server does not answer in HTTP: check the address${guess} (${code})`
  }
  return `the connection failed (${code})`
}

/**
 * The error of a connection as the `cause` of another one: its code and address, without the text of OpenSSL, without
 * certificates and without pieces of an answer, which undici attaches. Errors without a code, such as a `TypeError`, are
 * returned as they are.
 */
export function connectionCause(error: unknown): unknown {
  const code = codeOf(error)
  if (code === undefined) return error
  const { syscall, address, port } = error as Record<string, unknown>
  const known = { code, syscall, address, port }
  return Object.assign(
    new Error(connectionReason(error)),
    Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)),
  )
}

/** The code of an error. undici 7.30 leaves it out of the errors of its parser. */
function codeOf(error: unknown): string | undefined {
  const { code, name, message } = (error ?? {}) as Record<string, unknown>
  if (typeof code === 'string') return code
  if (name !== 'HTTPParserError') return undefined
  return String(message).includes('EOF') ? 'HPE_INVALID_EOF_STATE' : 'HPE_INVALID_CONSTANT'
}

/** A sentence about a server, with its address if the store has several. */
export const atServer = ({ address }: ConnectionContext, sentence: string): string =>
  address === undefined ? sentence : `${address}: ${sentence}`

/**
 * The error of a call that found no server before its connection timeout. It has the reason of each endpoint.
 *
 * @param endpoints - `failure` is the last one, while the endpoint has not answered since.
 */
export function unreachable(
  backend: string,
  endpoints: readonly {
    readonly context: ConnectionContext
    readonly failure: LibkvError | undefined
  }[],
): LibkvError {
  const reasons = endpoints.map(
    ({ context, failure }) => failure?.message ?? atServer(context, NO_ANSWER),
  )
  const cause = endpoints.find(({ failure }) => failure?.cause !== undefined)?.failure?.cause
  return new LibkvError('NOT_REACHABLE', reasons.join('; '), { backend, retryable: true, cause })
}
