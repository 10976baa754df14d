import { channel, tracingChannel } from 'node:diagnostics_channel'
import type { Channel, TracingChannel } from 'node:diagnostics_channel'

/** What subscribers of {@link callChannel} get. Values are never in it. */
export interface CallMessage {
  readonly backend: string
  readonly endpoint: string
  readonly namespace: string
  /** The method of the store, such as `get` or `atomicPut`. */
  readonly operation: string
  readonly key: string | undefined
  /** What it rejected with. */
  error?: unknown
}

/** What subscribers of `libkv:session` get. */
export interface SessionMessage {
  readonly backend: string
  readonly id: string
  readonly event: 'opened' | 'renewed' | 'lost' | 'closed'
}

/** What subscribers of `libkv:watch` get. */
export interface WatchMessage {
  readonly backend: string
  readonly key: string
  readonly event: 'opened' | 'state' | 'ended'
}

/**
 * The tracing channel of every call: `tracing:libkv:call:start`, `…:end`, `…:asyncStart`, `…:asyncEnd` and `…:error`, each with
 * one {@link CallMessage} object a call. Nobody subscribed costs one comparison.
 *
 * @example
 * import { subscribe } from 'node:diagnostics_channel'
 * subscribe('tracing:libkv:call:asyncEnd', (message) => {
 *   const { operation, key } = message as CallMessage
 *   console.log(operation, key)
 * })
 */
export const callChannel: TracingChannel<CallMessage> = tracingChannel('libkv:call')

/** Whether the channel of calls has a subscriber. Bun's tracing channels lack the property of that name. */
export function isCallTraced(): boolean {
  const { start, end, asyncStart, asyncEnd, error } = callChannel
  return (
    start.hasSubscribers ||
    asyncEnd.hasSubscribers ||
    error.hasSubscribers ||
    end.hasSubscribers ||
    asyncStart.hasSubscribers
  )
}

/** `libkv:session`: a {@link SessionMessage} whenever a session is opened, renewed, lost or closed. */
export const sessionChannel: Channel = channel('libkv:session')

/** `libkv:watch`: a {@link WatchMessage} whenever a watch is opened, delivers a state or ends. */
export const watchChannel: Channel = channel('libkv:watch')
