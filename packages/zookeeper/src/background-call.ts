import { BackgroundCall } from '@libkv/core/driver'
import type { Runtime } from '@libkv/core'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'

/** A call for work that nobody waits for. It has a deadline, and does not keep the process alive. */
export function backgroundCall({
  runtime,
  requestTimeout,
  connectionTimeout,
}: ResolvedZooKeeperOptions): BackgroundCall {
  const background: Runtime = {
    now: () => runtime.now(),
    wallClock: () => runtime.wallClock(),
    random: () => runtime.random(),
    uuid: () => runtime.uuid(),
    setTimer: (callback, ms) => runtime.setTimer(callback, ms, false),
  }
  return new BackgroundCall(background, requestTimeout, connectionTimeout)
}
