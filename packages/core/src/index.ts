export { newStore } from './new-store.ts'
export type { LookupOptions, OptionsOf } from './new-store.ts'
export { registerBackend } from './backend-registry.ts'
export type { BackendFactory, StoreLocation } from './backend.ts'
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
  Ttl,
  UnlockOptions,
  Value,
  WriteOptions,
} from './store.ts'
export type { KVPair, KVPairJSON } from './key-value-pair.ts'
export type { Version } from './version.ts'
export { isLibkvError, LibkvError } from './errors.ts'
export type { ErrorCode, ErrorDetails, LibkvErrorJSON } from './errors.ts'
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
export type { WithLockOptions } from './with-lock.ts'
export { compareKeys, MAX_KEY_BYTES } from './keys.ts'
export { bytesOf, MAX_VALUE_BYTES } from './values.ts'
export { callChannel, sessionChannel, watchChannel } from './diagnostics.ts'
export type { CallMessage, SessionMessage, WatchMessage } from './diagnostics.ts'
export type { StoreOptions } from './options.ts'
export type { Pem, TlsOptions } from './tls.ts'
export type { Runtime, Timer } from './runtime.ts'

// For recipes such as elections.
export { LinkedSignal, onAbort, orAbort, pause, sharedController, throwIfAborted } from './abort.ts'
export { asyncDispose } from './dispose.ts'
export {
  abortSignal,
  anything,
  boolean,
  callback,
  checkOptions,
  kindOf,
  milliseconds,
  number,
  oneOf,
  text,
  wrongType,
} from './option-rules.ts'
export type { OptionRule, OptionRules } from './option-rules.ts'
export { runtimeRule } from './runtime.ts'
export { callRules, ttlRule, writeRules } from './call-rules.ts'
export { checkTtl } from './ttl.ts'

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
export { defineBackend, defineServerBackend } from './backend.ts'
export type { BackendDefinition, ServerBackendDefinition, ServerOptions } from './backend.ts'
export { parseAddresses } from './addresses.ts'
export type { AddressForm, Addresses } from './addresses.ts'
export { resolveOptions } from './options.ts'
export type { ResolvedOptions } from './options.ts'
export { backoff } from './backoff.ts'
export { systemRuntime } from './runtime.ts'
export { DetachedCall } from './detached-call.ts'
export {
  atServer,
  connectionCause,
  connectionReason,
  EXPECTS_TLS,
  unreachable,
} from './connection-reason.ts'
export type { ConnectionContext } from './connection-reason.ts'
export { describeAnswer, serverText } from './server-text.ts'
export { TlsSource } from './tls.ts'
export type { TlsMaterial } from './tls.ts'
export { tlsReason } from './tls-reason.ts'
export { within } from './within.ts'
