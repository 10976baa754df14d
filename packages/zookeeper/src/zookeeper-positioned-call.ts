import type { Call } from '@libkv/core/driver'

/** A call that records the zxid of its first answer: a position in the server's history. */
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
