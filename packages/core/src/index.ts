export type { CallOptions, ReadOptions } from './contract/call-options.ts'
export type { Capabilities } from './contract/capabilities.ts'
export { callChannel, sessionChannel, watchChannel } from './contract/diagnostics.ts'
export type { CallMessage, SessionMessage, WatchMessage } from './contract/diagnostics.ts'
export { LibkvError, isLibkvError } from './contract/errors.ts'
export type { ErrorCode, ErrorDetails, LibkvErrorJSON } from './contract/errors.ts'
export type { Binding, KVPair, KVPairJSON } from './contract/key-value-pair.ts'
export { MAX_KEY_BYTES, compareKeys } from './contract/keys.ts'
export type {
  HeldLock,
  LockCallOptions,
  LockContender,
  LockOptions,
  Locker,
  UnlockOptions,
} from './contract/lock.ts'
export { MAX_TRANSACTION_OPERATIONS, check, put, remove } from './contract/operations.ts'
export type {
  CheckOperation,
  Operation,
  PutOperation,
  RemoveOperation,
  TransactionResult,
} from './contract/operations.ts'
export type { Runtime, Timer } from './contract/runtime.ts'
export type { Session, SessionOptions, WriteOptions } from './contract/session.ts'
export type { Store, TreeChange, TreeSnapshot } from './contract/store.ts'
export type { Ttl } from './contract/ttl.ts'
export { MAX_VALUE_BYTES, bytesOf } from './contract/values.ts'
export type { Value } from './contract/values.ts'
export type { Version } from './contract/version.ts'
export type { Pem, TlsOptions } from './driver-kit/tls.ts'
export { withLock } from './locks/with-lock.ts'
export type { WithLockOptions } from './locks/with-lock.ts'
export { registerBackend } from './opening/backend-registry.ts'
export type { BackendFactory, StoreLocation } from './opening/backend.ts'
export { newStore } from './opening/new-store.ts'
export type { LookupOptions, OptionsOf } from './opening/new-store.ts'
export type { StoreOptions } from './options/options.ts'
export { update } from './store/update.ts'
export type { UpdateOptions } from './store/update.ts'
