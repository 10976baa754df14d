import {
  EXPECTS_TLS,
  atServer,
  connectionCause,
  connectionReason,
  describeAnswer,
  serverText,
} from '@libkv/core/driver'
import { LibkvError, isLibkvError } from '@libkv/core'
import type { ConnectionContext } from '@libkv/core/driver'
import type { ErrorCode } from '@libkv/core'
import { BodyTooLarge } from './consul-connections.ts'

interface Meaning {
  readonly code: ErrorCode
  readonly retryable?: boolean
  /** Whether a write that was answered like this may have happened. */
  readonly ambiguous?: boolean
  /** The message, in place of the server's text. */
  readonly sentence?: string
}

const unsent: Meaning = { code: 'NOT_REACHABLE', retryable: true }
const lost: Meaning = { code: 'NOT_REACHABLE', retryable: true, ambiguous: true }

/** By what the server says; the first that is found in the text counts. Agents pass on what servers say, with a prefix. */
const bySentence: readonly (readonly [RegExp, Meaning])[] = [
  [/permission denied|ACL not found|lacks permission/i, { code: 'ACCESS_DENIED' }],
  [/invalid session ttl/i, { code: 'INVALID_OPTION' }],
  [/invalid session|failed session lookup/i, { code: 'SESSION_EXPIRED' }],
  [/no path to datacenter|invalid query parameter|invalid header/i, { code: 'INVALID_OPTION' }],
  [/namespaces? (are|is) a Consul Enterprise|partitions? (are|is) a/i, { code: 'INVALID_OPTION' }],
  [/leadership (was )?lost|leadership transfer in progress/i, lost],
  // Refused before it reached the log.
  [/no cluster leader|no known consul servers|not the leader/i, unsent],
  [/raft leader not found|rpc error getting client/i, unsent],
  [/rpc error|raft is already shutdown|timed out|EOF/i, lost],
  // The first is the text of Go, the second that of nginx.
  [
    /HTTP request to an HTTPS server|HTTP request was sent to HTTPS port/i,
    { code: 'NOT_REACHABLE', sentence: EXPECTS_TLS },
  ],
]

/** By the status, for what has no sentence of its own. */
const byStatus: Readonly<Record<number, Meaning>> = {
  401: { code: 'ACCESS_DENIED' },
  403: { code: 'ACCESS_DENIED' },
  413: { code: 'VALUE_TOO_LARGE' },
  429: { code: 'NOT_REACHABLE', retryable: true },
  503: { code: 'NOT_REACHABLE', retryable: true, ambiguous: true },
}

/**
 * What an answer other than success means.
 *
 * @param context - of an answer as a whole; left out for a part of one, such as the refusal of an operation.
 */
export function errorOfAnswer(
  status: number,
  text: string | undefined,
  context?: ConnectionContext,
): LibkvError {
  const body = text ?? ''
  const meant = bySentence.find(([pattern]) => pattern.test(body))?.[1]
  const { code, retryable, ambiguous } = byStatus[status] ??
    meant ?? { code: 'BACKEND_ERROR' as const, ambiguous: status >= 500 }
  const sentence =
    meant?.sentence ??
    // The text of a known refusal needs no explanation.
    (meant !== undefined || context === undefined ? serverText(body) : undefined) ??
    sentenceOf(status, body, context)
  return new LibkvError(code, atServer(context ?? {}, sentence), {
    backend: 'consul',
    retryable,
    ambiguous,
  })
}

function sentenceOf(status: number, body: string, context: ConnectionContext | undefined): string {
  if (context === undefined) return 'the server refused the operation without a reason'
  const answer = `the server ${describeAnswer(body, `status ${String(status)}`)}`
  return serverText(body) === undefined && body.trim() !== ''
    ? `${answer}: check that the address is that of a Consul agent`
    : answer
}

/**
 * What a connection that failed means.
 *
 * @param sent - whether the request may have reached the server.
 */
export function errorOfConnection(
  error: unknown,
  sent: boolean,
  context: ConnectionContext,
): LibkvError {
  if (isLibkvError(error)) return error
  if (error instanceof BodyTooLarge) return new LibkvError('VALUE_TOO_LARGE', error.message)
  return new LibkvError('NOT_REACHABLE', atServer(context, connectionReason(error, context)), {
    backend: 'consul',
    retryable: true,
    ambiguous: sent,
    cause: connectionCause(error),
  })
}

/** A request that was given up while it waited for its answer. */
export function errorOfSilence(sent: boolean, context: ConnectionContext): LibkvError {
  return new LibkvError('NOT_REACHABLE', atServer(context, 'the server did not answer'), {
    backend: 'consul',
    retryable: true,
    ambiguous: sent,
  })
}
