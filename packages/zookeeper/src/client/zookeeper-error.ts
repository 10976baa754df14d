/**
 * What went wrong. The server says:
 *
 * | code | meaning |
 * | --- | --- |
 * | `NO_NODE` | there is no such node, or no parent for the one to be created |
 * | `NODE_EXISTS` | the node is there already |
 * | `BAD_VERSION` | the node was written since |
 * | `NOT_EMPTY` | the node has children |
 * | `NO_CHILDREN_FOR_EPHEMERALS` | an ephemeral node cannot have children |
 * | `NO_AUTH` | the ACL forbids it to the identities proven here |
 * | `AUTH_FAILED` | what was to prove an identity was refused; the client is of no use any more |
 * | `INVALID_ACL` | the ACL is empty, or names an unknown scheme |
 * | `SESSION_EXPIRED` | the session is over |
 * | `SESSION_MOVED` | the session is on another connection now |
 * | `BAD_ARGUMENTS` | the path or another argument is not valid; most are refused before anything is sent |
 * | `UNIMPLEMENTED` | the server is too old for it, or was not told to allow it |
 * | `NO_WATCHER` | there is no such watch |
 * | `QUOTA_EXCEEDED`, `THROTTLED` | the server has limits |
 * | `ROLLED_BACK` | in a multi: not done because another operation of it failed |
 * | `RECONFIG_DISABLED`, `RECONFIG_IN_PROGRESS`, `NEW_CONFIG_NO_QUORUM` | the ensemble cannot be changed now |
 * | `NOT_READ_ONLY` | the server has no quorum, and only reads |
 * | `SERVER_ERROR` | anything else; the message has its number |
 *
 * And without the server:
 *
 * | code | meaning |
 * | --- | --- |
 * | `NOT_REACHABLE` | no server could be reached in time; nothing was sent |
 * | `CONNECTION_LOSS` | the connection broke before the answer came |
 * | `TIMEOUT` | no answer came in time |
 * | `TOO_LARGE` | the request is larger than servers accept; nothing was sent |
 * | `PROTOCOL_ERROR` | what the server sent is not ZooKeeper's protocol, or larger than allowed |
 * | `CLOSED` | the client was closed |
 */
export type ZooKeeperErrorCode =
  | (typeof SERVER_CODES)[keyof typeof SERVER_CODES]
  | 'NOT_REACHABLE'
  | 'CONNECTION_LOSS'
  | 'TIMEOUT'
  | 'TOO_LARGE'
  | 'PROTOCOL_ERROR'
  | 'CLOSED'

// org.apache.zookeeper.KeeperException.Code
const SERVER_CODES = {
  [-1]: 'SERVER_ERROR',
  [-2]: 'ROLLED_BACK',
  [-6]: 'UNIMPLEMENTED',
  [-8]: 'BAD_ARGUMENTS',
  [-13]: 'NEW_CONFIG_NO_QUORUM',
  [-14]: 'RECONFIG_IN_PROGRESS',
  [-101]: 'NO_NODE',
  [-102]: 'NO_AUTH',
  [-103]: 'BAD_VERSION',
  [-108]: 'NO_CHILDREN_FOR_EPHEMERALS',
  [-110]: 'NODE_EXISTS',
  [-111]: 'NOT_EMPTY',
  [-112]: 'SESSION_EXPIRED',
  [-114]: 'INVALID_ACL',
  [-115]: 'AUTH_FAILED',
  [-118]: 'SESSION_MOVED',
  [-119]: 'NOT_READ_ONLY',
  [-121]: 'NO_WATCHER',
  [-123]: 'RECONFIG_DISABLED',
  [-125]: 'QUOTA_EXCEEDED',
  [-127]: 'THROTTLED',
} as const

/** The server's number for `NO_NODE`. */
export const NO_NODE = -101

/** What the server's number means. */
export function codeOf(number: number): ZooKeeperErrorCode {
  const codes: Readonly<Record<number, ZooKeeperErrorCode>> = SERVER_CODES
  return codes[number] ?? 'SERVER_ERROR'
}

/** What a {@link ZooKeeperError} is made of. */
export interface ZooKeeperErrorDetails {
  readonly mayHaveHappened?: boolean
  readonly operation?: string | undefined
  readonly path?: string | undefined
  readonly failedIndex?: number | undefined
  readonly codes?: readonly (ZooKeeperErrorCode | undefined)[] | undefined
  readonly cause?: unknown
}

/** The one error class of the client. */
export class ZooKeeperError extends Error {
  override readonly name = 'ZooKeeperError'
  readonly code: ZooKeeperErrorCode
  /** It was a write, and the server may have carried it out. Where it is false, the server has not and will not. */
  readonly mayHaveHappened: boolean
  /** What was asked for: `create`, `get`, `multi`, … */
  readonly operation: string | undefined
  readonly path: string | undefined
  /** In a multi: the index of the operation that failed. */
  readonly failedIndex: number | undefined
  /** In a multi: what the server said of each operation; undefined for those before the one that failed. */
  readonly codes: readonly (ZooKeeperErrorCode | undefined)[] | undefined

  constructor(code: ZooKeeperErrorCode, message: string, details: ZooKeeperErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.mayHaveHappened = details.mayHaveHappened ?? false
    this.operation = details.operation
    this.path = details.path
    this.failedIndex = details.failedIndex
    this.codes = details.codes
  }
}

/** Whether a caught value is an error of this client, and of the given code if one is given. */
export function isZooKeeperError<C extends ZooKeeperErrorCode = ZooKeeperErrorCode>(
  error: unknown,
  code?: C,
): error is ZooKeeperError & { readonly code: C } {
  return error instanceof ZooKeeperError && (code === undefined || error.code === code)
}
