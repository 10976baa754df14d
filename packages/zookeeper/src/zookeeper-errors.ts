import { LibkvError, isLibkvError } from '@libkv/core'
import type { ErrorCode } from '@libkv/core'
import { isZooKeeperError } from './client/index.ts'
import type { ZooKeeperError, ZooKeeperErrorCode } from './client/index.ts'

interface Meaning {
  readonly code: ErrorCode
  readonly retryable?: boolean
}

const passing: Meaning = { code: 'NOT_REACHABLE', retryable: true }
const denied: Meaning = { code: 'ACCESS_DENIED' }

/** What a failure of ZooKeeper means, where it is not the planned outcome of a request. */
const meanings: Readonly<Partial<Record<ZooKeeperErrorCode, Meaning>>> = {
  NO_AUTH: denied,
  AUTH_FAILED: denied,
  INVALID_ACL: { code: 'INVALID_OPTION' },
  BAD_ARGUMENTS: { code: 'INVALID_OPTION' },
  NO_CHILDREN_FOR_EPHEMERALS: { code: 'NOT_SUPPORTED' },
  TOO_LARGE: { code: 'VALUE_TOO_LARGE' },
  CLOSED: { code: 'CLOSED' },
  TIMEOUT: { code: 'TIMEOUT', retryable: true },
  SESSION_EXPIRED: passing,
  SESSION_MOVED: passing,
  CONNECTION_LOSS: passing,
  NOT_REACHABLE: passing,
  PROTOCOL_ERROR: passing,
  NOT_READ_ONLY: passing,
  THROTTLED: passing,
}

/**
 * The error that core understands.
 *
 * @param written - whether an earlier request of the same call has written already.
 */
export function errorOf(error: unknown, written = false): unknown {
  if (!isZooKeeperError(error)) {
    return written && isLibkvError(error) ? ambiguous(error) : error
  }
  const { code, retryable = false } = meaningOf(error)
  return new LibkvError(code, error.message, {
    backend: 'zookeeper',
    retryable,
    ambiguous: error.mayHaveHappened || written,
    cause: error,
  })
}

function meaningOf({ code, mayHaveHappened }: ZooKeeperError): Meaning {
  // The server may have hung for a while. It was reached, and another may have an answer, for which there is time anew.
  if (code === 'CONNECTION_LOSS' && !mayHaveHappened) return { code: 'TIMEOUT', retryable: true }
  return meanings[code] ?? { code: 'BACKEND_ERROR' }
}

/** The same for what only the session that a key is bound to can do. */
export function errorOfSession(error: unknown): unknown {
  return isZooKeeperError(error, 'SESSION_EXPIRED') || isZooKeeperError(error, 'CLOSED')
    ? new LibkvError('SESSION_EXPIRED', 'the session is over', {
        backend: 'zookeeper',
        cause: error,
      })
    : errorOf(error)
}

function ambiguous(error: LibkvError): LibkvError {
  const { code, message, backend, retryable, current, cause } = error
  return new LibkvError(code, message, { backend, retryable, ambiguous: true, current, cause })
}

/** Whether a write found the tree other than it was read: it is to be read again. */
export function isConflict(error: unknown): boolean {
  return isZooKeeperError(error) && conflicts.has(error.code)
}

const conflicts: ReadonlySet<ZooKeeperErrorCode> = new Set([
  'NO_NODE',
  'NODE_EXISTS',
  'BAD_VERSION',
  'NOT_EMPTY',
])
