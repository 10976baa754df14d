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

/** The meaning of ZooKeeper's errors, where they are not an expected outcome of a request. */
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
 * The error as core expects it.
 *
 * @param written - whether an earlier request of the same call has already written.
 */
export function errorOf(error: unknown, written = false): unknown {
  if (!isZooKeeperError(error)) {
    return written && isLibkvError(error) ? error.with({ ambiguous: true }) : error
  }
  const { code, retryable = false } = meaningOf(error)
  return new LibkvError(code, error.message, {
    backend: 'zookeeper',
    retryable,
    ambiguous: error.mayHaveHappened || written,
    cause: error,
  })
}

/** The same promise, with its error as core expects it. */
export async function mapErrors<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw errorOf(error)
  }
}

function meaningOf({ code, mayHaveHappened }: ZooKeeperError): Meaning {
  // The server was reached, and may have been frozen. Another may answer the next attempt, which
  // has time of its own.
  if (code === 'CONNECTION_LOSS' && !mayHaveHappened) return { code: 'TIMEOUT', retryable: true }
  return meanings[code] ?? { code: 'BACKEND_ERROR' }
}

/** The same for a request that only the session of a key can make. */
export function errorOfSession(error: unknown): unknown {
  return isZooKeeperError(error, 'SESSION_EXPIRED') || isZooKeeperError(error, 'CLOSED')
    ? new LibkvError('SESSION_EXPIRED', 'the session is over', {
        backend: 'zookeeper',
        cause: error,
      })
    : errorOf(error)
}

/** Whether a write failed because the tree differs from the state that was read. */
export function isConflict(error: unknown): boolean {
  return isZooKeeperError(error) && conflicts.has(error.code)
}

const conflicts: ReadonlySet<ZooKeeperErrorCode> = new Set([
  'NO_NODE',
  'NODE_EXISTS',
  'BAD_VERSION',
  'NOT_EMPTY',
])
