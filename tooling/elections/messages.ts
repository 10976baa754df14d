import type { Backend } from '@libkv/testing/servers'

export const NAMESPACE = 'elections'
/** The key of the election that all candidates stand for. */
export const ELECTION = 'leader'

/** What a worker is started with, as JSON. */
export interface WorkerSettings {
  readonly backend: Backend
  readonly endpoints: readonly string[]
  readonly id: string
  readonly ttl: number
  /** The file of its {@link CandidateLog}. */
  readonly log: string
}

/** What a worker is told. */
export type Command = 'resign' | 'stop before a write'

/** What a worker says. Times in ns. */
export type Report =
  | { readonly type: 'session'; readonly session: string }
  | { readonly type: 'elected'; readonly token: bigint; readonly at: bigint }
  /** A fenced write was accepted that was begun at that time. */
  | { readonly type: 'wrote'; readonly token: bigint; readonly at: bigint }
  | {
      readonly type: 'wrote late'
      readonly token: bigint
      readonly fenced: string
      readonly unfenced: string
    }
  /** It was told what only a leader can do. */
  | { readonly type: 'leads not' }
  | { readonly type: 'error'; readonly text: string }
