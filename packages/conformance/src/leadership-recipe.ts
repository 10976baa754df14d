import type { KVPair, Operation, Runtime, Store, TransactionResult, Value } from '@libkv/core'

/** What the suite needs of `@libkv/leadership`, which is handed to it: it depends on nothing. */
export interface LeadershipRecipe {
  readonly Candidate: new (
    store: Store,
    key: string,
    settings?: CandidateSettings,
  ) => TestedCandidate
  readonly Follower: new (store: Store, key: string) => TestedFollower
}

export interface CandidateSettings {
  readonly id?: string | undefined
  readonly ttl?: number | undefined
  readonly value?: Value | undefined
  readonly runtime?: Runtime | undefined
  readonly health?:
    | {
        readonly check: (signal: AbortSignal) => boolean | Promise<boolean>
        readonly interval?: number | undefined
        readonly timeout?: number | undefined
      }
    | undefined
}

export interface CandidateInfo {
  readonly id: string
  readonly value: Uint8Array
  text(): string
}

export interface TestedLeader extends CandidateInfo {
  readonly token: bigint
}

export interface TestedFencedStore {
  put(key: string, value: Value): Promise<KVPair>
  delete(key: string): Promise<void>
  atomicPut(key: string, value: Value, previous: KVPair | null): Promise<KVPair>
  atomicDelete(key: string, previous: KVPair): Promise<void>
  transaction(operations: readonly Operation[]): Promise<TransactionResult>
}

export interface TestedTerm {
  readonly id: string
  readonly token: bigint
  readonly signal: AbortSignal
  readonly fenced: TestedFencedStore
  isCurrent(): boolean
  update(value: Value): Promise<void>
}

export interface Signalled {
  readonly signal?: AbortSignal | undefined
}

export interface TestedCandidate extends AsyncDisposable {
  readonly id: string
  readonly term: TestedTerm | undefined
  readonly token: bigint | undefined
  isLeader(): boolean
  campaign(options?: Signalled): Promise<TestedTerm>
  run(work: (term: TestedTerm) => Promise<void> | void, options?: Signalled): Promise<void>
  resign(): Promise<void>
  transferTo(id: string): Promise<void>
  stop(): Promise<void>
  on(
    event: 'elected' | 'resigned' | 'lost' | 'error',
    listener: (...args: unknown[]) => void,
  ): unknown
}

export interface TestedFollower {
  leader(): Promise<TestedLeader | null>
  candidates(): Promise<CandidateInfo[]>
  watch(options?: Signalled): AsyncIterable<TestedLeader | null>
}
