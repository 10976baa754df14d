// For authors of backends: the seam, and the driver kit.
export {
  LinkedAbortController,
  abortable,
  onAbort,
  sharedController,
  sleep,
} from './calls/abort.ts'
export { backoff } from './calls/backoff.ts'
export { asyncDispose } from './calls/dispose.ts'
export { settleWithin } from './calls/settle-within.ts'
export { RESERVED_SEGMENT } from './contract/keys.ts'
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
  KeyRange,
  Observation,
  Observer,
  ReadRequest,
  Scan,
  Scope,
  Write,
  WriteResult,
} from './driver-kit/driver.ts'
export { describeAnswer, serverText } from './driver-kit/server-text.ts'
export { tlsReason } from './driver-kit/tls-reason.ts'
export { TlsSource, tlsOptions } from './driver-kit/tls.ts'
export type { TlsMaterial } from './driver-kit/tls.ts'
export { lockQueueDirectory } from './locks/lock-queue-directory.ts'
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
export { BackgroundCall } from './driver-kit/background-call.ts'
export type { CallTiming } from './driver-kit/background-call.ts'
export { BackgroundWork } from './driver-kit/background-work.ts'
export { Endpoint } from './driver-kit/endpoint.ts'
export type { EndpointOptions, InFlightRequest } from './driver-kit/endpoint.ts'
export { EndpointPool } from './driver-kit/endpoint-pool.ts'
export type { EndpointPoolOptions } from './driver-kit/endpoint-pool.ts'
export { Feed } from './driver-kit/feed.ts'
export { SharedFeeds } from './driver-kit/shared-feeds.ts'
export { openSocket } from './driver-kit/open-socket.ts'
export type { SocketOptions } from './driver-kit/open-socket.ts'
export { heals } from './driver-kit/heals.ts'
export { isInRanges, rangeOfPrefix } from './driver-kit/key-ranges.ts'
export { Leases } from './driver-kit/leases.ts'
export type { LeaseSource } from './driver-kit/leases.ts'
export { TtlByLease } from './driver-kit/ttl-by-lease.ts'
export type { TtlByLeaseOptions } from './driver-kit/ttl-by-lease.ts'
export { ForwardingCall } from './driver-kit/forwarding-call.ts'
export { ReadingCall } from './driver-kit/reading-call.ts'
export { throwIfSettled } from './driver-kit/throw-if-settled.ts'
