// For authors of backends: the seam, and the driver kit.
export {
  LinkedAbortController,
  abortable,
  onAbort,
  sharedController,
  sleep,
} from './calls/abort.ts'
export { backoff } from './calls/backoff.ts'
export { BackgroundCall } from './calls/background-call.ts'
export { asyncDispose } from './calls/dispose.ts'
export { within } from './calls/within.ts'
export { systemRuntime } from './contract/runtime.ts'
export { parseAddresses } from './driver-kit/addresses.ts'
export type { AddressForm, Addresses } from './driver-kit/addresses.ts'
export {
  EXPECTS_TLS,
  atServer,
  connectionCause,
  connectionReason,
  unreachable,
} from './driver-kit/connection-reason.ts'
export type { ConnectionContext } from './driver-kit/connection-reason.ts'
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
} from './driver-kit/driver.ts'
export { describeAnswer, serverText } from './driver-kit/server-text.ts'
export { tlsReason } from './driver-kit/tls-reason.ts'
export { TlsSource } from './driver-kit/tls.ts'
export type { TlsMaterial } from './driver-kit/tls.ts'
export { defineBackend, defineServerBackend } from './opening/backend.ts'
export type {
  BackendDefinition,
  ServerBackendDefinition,
  ServerOptions,
} from './opening/backend.ts'
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
} from './options/option-rules.ts'
export type { OptionRule, OptionRules } from './options/option-rules.ts'
export { resolveOptions } from './options/options.ts'
export type { ResolvedOptions } from './options/options.ts'
export { openStore } from './store/kv-store.ts'
