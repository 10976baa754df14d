import { ForwardingCall } from '@libkv/core/driver'

/** A call that records the zxid of its first answer: a position in the server's history. */
export class PositionedCall extends ForwardingCall {
  /** 0 before the answer. */
  zxid = 0n

  answered(zxid: bigint): void {
    if (this.zxid === 0n) this.zxid = zxid
  }
}
