import { LibkvError, isLibkvError } from '@libkv/core'
import type { ErrorCode } from '@libkv/core'
import { BodyTooLarge } from './consul-connections.ts'

interface Meaning {
  readonly code: ErrorCode
  readonly retryable?: boolean
  /** Whether a write that was answered like this may have happened. */
  readonly ambiguous?: boolean
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
  [/HTTP request to an HTTPS server/i, { code: 'NOT_REACHABLE' }],
]

/** By the status, for what has no sentence of its own. */
const byStatus: Readonly<Record<number, Meaning>> = {
  401: { code: 'ACCESS_DENIED' },
  403: { code: 'ACCESS_DENIED' },
  413: { code: 'VALUE_TOO_LARGE' },
  429: { code: 'NOT_REACHABLE', retryable: true },
  503: { code: 'NOT_REACHABLE', retryable: true, ambiguous: true },
}

/** What an answer other than success means. */
export function errorOfAnswer(status: number, text: string): LibkvError {
  const message = text.trim() === '' ? `status ${String(status)}` : text.trim().slice(0, 300)
  const meaning = byStatus[status] ??
    bySentence.find(([pattern]) => pattern.test(text))?.[1] ?? {
      code: 'BACKEND_ERROR' as const,
      ambiguous: status >= 500,
    }
  return new LibkvError(meaning.code, message, { backend: 'consul', ...meaning })
}

/**
 * What a connection that failed means.
 *
 * @param sent - whether the request may have reached the server.
 */
export function errorOfConnection(error: unknown, sent: boolean): LibkvError {
  if (isLibkvError(error)) return error
  if (error instanceof BodyTooLarge) return new LibkvError('VALUE_TOO_LARGE', error.message)
  const { message, code } = error as Error & { code?: string }
  return new LibkvError('NOT_REACHABLE', message || (code ?? 'the connection failed'), {
    backend: 'consul',
    retryable: true,
    ambiguous: sent,
    cause: error,
  })
}

/** What npm `consul` rejects with. */
export function errorOfLibrary(error: unknown, sent: boolean): LibkvError {
  const { statusCode, response } = error as {
    statusCode?: number
    response?: { body?: unknown }
  }
  if (statusCode === undefined) return errorOfConnection(error, sent)
  const body = response?.body
  const text = Buffer.isBuffer(body) || typeof body === 'string' ? body.toString() : String(error)
  return errorOfAnswer(statusCode, text)
}
