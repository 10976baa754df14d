import { LibkvError, isLibkvError } from '@libkv/core'
import type {
  Change,
  Check,
  CommitOutcome,
  DriverSession,
  Entry,
  KeyRange,
  ReadRequest,
  Scan,
  Scope,
  Write,
} from '@libkv/core/driver'
import type { ErrorCode, ErrorDetails } from '@libkv/core'

/** Either end of what `fork(…, { serialization: 'advanced' })` lays between two processes. */
export interface Channel {
  readonly connected: boolean
  send?: ((message: object, callback: (error: Error | null) => void) => boolean) | undefined
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'disconnect', listener: () => void): unknown
}

/** A write whose session goes by its id: what a session can do stays in the process that has it. */
export type SentWrite =
  | (Omit<Write & { type: 'put' }, 'session'> & { readonly sessionId: string | undefined })
  | (Write & { type: 'delete' })

/** The methods of a driver that ask for one answer, with the {@link DriverSession}'s among them. */
export interface Operations {
  read(key: string, request: ReadRequest): Entry | null
  scan(prefix: string, request: ReadRequest): Scan
  commit(checks: readonly Check[], writes: readonly SentWrite[]): CommitOutcome
  removeTree(prefix: string, ranges: readonly KeyRange[]): number
  openSession(ttl: number): Pick<DriverSession, 'id' | 'ttl'>
  renewSession(id: string): void
  closeSession(id: string): void
  ping(): void
}

/** What one that has no driver of its own asks. Times are what is left, in ms: two processes have two clocks. */
export type Request =
  | {
      readonly type: 'call'
      readonly id: number
      readonly operation: keyof Operations
      readonly args: readonly unknown[]
      readonly timeout: number
      readonly connectTimeout: number
    }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'observe'; readonly id: number; readonly scope: Scope }
  | { readonly type: 'unobserve'; readonly id: number }

/** What it hears. */
export type Reply =
  | { readonly type: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly type: 'failure'; readonly id: number; readonly error: SentError }
  | {
      readonly type: 'snapshot'
      readonly id: number
      readonly entries: readonly Entry[]
      readonly revision: bigint
    }
  | {
      readonly type: 'changes'
      readonly id: number
      readonly changes: readonly Change[]
      readonly revision: bigint
    }
  | { readonly type: 'over'; readonly id: number; readonly error: SentError }

/** An error as it travels: the channel would make a plain `Error` of a `LibkvError`. */
export type SentError =
  | { readonly code: ErrorCode; readonly message: string; readonly details: ErrorDetails }
  | { readonly code: undefined; readonly message: string }

export function packed(error: unknown): SentError {
  if (!isLibkvError(error)) return { code: undefined, message: String(error) }
  const { code, message, backend, key, retryable, ambiguous } = error
  return { code, message, details: { backend, key, retryable, ambiguous } }
}

export function unpacked(sent: SentError): Error {
  return sent.code === undefined
    ? new Error(sent.message)
    : new LibkvError(sent.code, sent.message, sent.details)
}

/** Says it, or tells that there is nobody left to hear it. */
export function post(channel: Channel, message: Request | Reply, unheard = (): void => {}): void {
  if (!channel.connected) {
    unheard()
    return
  }
  channel.send?.(message, (error) => {
    if (error !== null) unheard()
  })
}
