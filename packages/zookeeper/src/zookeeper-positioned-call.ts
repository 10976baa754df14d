import type { Call } from '@libkv/core/driver'
import type { Runtime } from '@libkv/core'
import type { Call as ClientCall } from './client/index.ts'

/** The part of a call's time that is kept to report why no server was reached. */
const REPORTING_SHARE = 0.05

/** A call that is told at which position of the history the server has answered, or answered first. */
export class PositionedCall {
  readonly deadline: number
  readonly connectDeadline: number
  /** 0 before the answer. */
  zxid = 0n
  readonly #call: Call

  constructor(call: Call) {
    this.#call = call
    this.deadline = call.deadline
    this.connectDeadline = call.connectDeadline
  }

  get settled(): boolean {
    return this.#call.settled
  }

  markSent(): void {
    this.#call.markSent()
  }

  onCancel(callback: () => void): void {
    this.#call.onCancel(callback)
  }

  answered(zxid: bigint): void {
    if (this.zxid === 0n) this.zxid = zxid
  }
}

/**
 * The same call with an earlier end of the search for a server, so that the client's error, which has the reason, comes before
 * core's own at the deadline.
 */
export function reportingCall({ deadline, connectDeadline }: Call, runtime: Runtime): ClientCall {
  const latest = deadline - REPORTING_SHARE * (deadline - runtime.now())
  return { deadline, connectDeadline: Math.min(connectDeadline, latest) }
}
