import { LibkvError } from '@libkv/core'
import { atServer } from '@libkv/core/driver'
import type { ConnectionContext } from '@libkv/core/driver'
import type { ErrorCode } from '@libkv/core'
import { sentenceOf } from './etcd-grpc-text.ts'

/** What a gRPC call fails with. `code` is the status: https://grpc.io/docs/guides/status-codes/ */
export interface GrpcError extends Error {
  readonly code: number
  readonly details: string
}

/** Statuses of gRPC. */
export const CANCELLED = 1
export const UNAVAILABLE = 14

interface Meaning {
  readonly code: ErrorCode
  readonly retryable?: boolean
  readonly ambiguous?: boolean
  /** The message, in place of the server's text. */
  readonly sentence?: string
}

/** By what the server says; the first that is found in the text counts. */
const bySentence: readonly (readonly [RegExp, Meaning])[] = [
  [/permission denied/, { code: 'ACCESS_DENIED' }],
  [
    /user name is empty/,
    { code: 'ACCESS_DENIED', sentence: 'the server requires a user: set username and password' },
  ],
  [/authentication failed|user name not found/, { code: 'ACCESS_DENIED' }],
  [
    /authentication is not enabled/,
    {
      code: 'INVALID_OPTION',
      sentence: 'access control is off on the server: leave out username and password',
    },
  ],
  [/invalid auth token|revision of auth store is old/, { code: 'ACCESS_DENIED' }],
  [/requested lease not found/, { code: 'SESSION_EXPIRED' }],
  [/too large lease TTL/, { code: 'INVALID_OPTION' }],
  [/request is too large|message larger than max/, { code: 'VALUE_TOO_LARGE' }],
  [/too many operations in txn request/, { code: 'INVALID_OPTION' }],
  [/too many requests/, { code: 'NOT_REACHABLE', retryable: true }],
  [/no leader/, { code: 'NOT_REACHABLE', retryable: true, ambiguous: true }],
  // grpc-js reports both before anything was sent.
  [
    /^No connection established|^Name resolution failed/,
    { code: 'NOT_REACHABLE', retryable: true },
  ],
  [
    /etcdserver: request timed out|context deadline exceeded/,
    { code: 'TIMEOUT', retryable: true, ambiguous: true },
  ],
]

/** By the status of gRPC, for what has no sentence of its own. */
const byStatus: Readonly<Record<number, Meaning>> = {
  3: { code: 'BACKEND_ERROR' },
  4: { code: 'TIMEOUT', retryable: true, ambiguous: true },
  7: { code: 'ACCESS_DENIED' },
  14: { code: 'NOT_REACHABLE', retryable: true, ambiguous: true },
  16: { code: 'ACCESS_DENIED' },
}

/**
 * The error of libkv for a failed call.
 *
 * @param context - where the call was sent, for the message.
 */
export function errorOf(error: unknown, context: ConnectionContext = {}): LibkvError {
  if (error instanceof LibkvError) return error
  const { name, code = 2, details, message } = (error ?? {}) as Partial<GrpcError>
  const text = [details, message].find((part) => typeof part === 'string') ?? ''
  // A `TypeError` is a mistake in a program, whose stack matters.
  const isMistake = name !== undefined && name !== 'Error'
  const {
    sentence = sentenceOf(code, text, context),
    code: meaning,
    retryable,
    ambiguous,
  } = bySentence.find(([pattern]) => pattern.test(text))?.[1] ??
    byStatus[code] ?? { code: 'BACKEND_ERROR' as const, ambiguous: true }
  return new LibkvError(meaning, atServer(context, sentence), {
    backend: 'etcd',
    retryable,
    ambiguous,
    cause: isMistake ? error : new GrpcStatus(code, sentence),
  })
}

/** A failed call as the `cause` of an error: without gRPC's own text and without the metadata of the answer. */
class GrpcStatus extends Error {
  override readonly name = 'GrpcStatus'
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** Whether the member itself says so, not the connection to it. */
export function isOfMember({ details }: GrpcError): boolean {
  return details.startsWith('etcdserver:')
}

/** Whether the token is to be renewed. The request was refused before anything happened. */
export function isStaleToken(text: string): boolean {
  return /invalid auth token|revision of auth store is old/.test(text)
}

/** Whether the history that was asked for is gone. */
export function isCompacted(error: unknown): boolean {
  return (
    (error as Partial<Error> | undefined)?.message?.includes(
      'required revision has been compacted',
    ) ?? false
  )
}
