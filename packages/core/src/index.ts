export { newStore, registerBackend } from './new-store.ts'
export type { BackendFactory } from './new-store.ts'
export type {
  CallOptions,
  Capabilities,
  HeldLock,
  LockCallOptions,
  LockContender,
  Locker,
  LockOptions,
  ReadOptions,
  Session,
  SessionOptions,
  Store,
  TreeChange,
  TreeSnapshot,
  UnlockOptions,
  Value,
  WriteOptions,
} from './store.ts'
export type { KVPair } from './key-value-pair.ts'
export { isLibkvError, LibkvError } from './errors.ts'
export type { ErrorCode, ErrorDetails } from './errors.ts'
export { check, MAX_TRANSACTION_OPERATIONS, put, remove } from './operations.ts'
export type {
  CheckOperation,
  Operation,
  PutOperation,
  RemoveOperation,
  TransactionResult,
} from './operations.ts'
export { update } from './update.ts'
export type { UpdateOptions } from './update.ts'
export { withLock } from './with-lock.ts'
export { compareKeys, MAX_KEY_BYTES } from './keys.ts'
export { MAX_VALUE_BYTES } from './values.ts'
export { callChannel, sessionChannel, watchChannel } from './diagnostics.ts'
export type { CallMessage, SessionMessage, WatchMessage } from './diagnostics.ts'
export type { StoreOptions } from './options.ts'
export type { Pem, TlsOptions } from './tls.ts'
export type { Runtime, Timer } from './runtime.ts'

// For recipes such as elections.
export { LinkedSignal, orAbort, pause } from './abort.ts'

// For authors of backends.
export { openStore } from './kv-store.ts'
export type {
  Call,
  Change,
  Check,
  CommitOutcome,
  Driver,
  DriverSession,
  Entry,
  Observation,
  Observer,
  ReadRequest,
  Scan,
  Scope,
  Tree,
  Write,
  WriteResult,
} from './driver.ts'
export { resolveOptions } from './options.ts'
export type { ResolvedOptions } from './options.ts'
export { backoff } from './backoff.ts'
export { systemRuntime } from './runtime.ts'
export { DetachedCall } from './detached-call.ts'
export { TlsSource } from './tls.ts'
export type { TlsMaterial } from './tls.ts'
export { within } from './within.ts'
