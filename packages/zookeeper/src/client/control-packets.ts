import { Fifo } from './fifo.ts'
import { malformed } from './jute-reader.ts'

/** org.apache.zookeeper.ClientCnxn: the xids of packets that are no requests. */
export const PING = -2
export const AUTH = -4
export const SET_WATCHES = -8
export type ControlXid = typeof PING | typeof AUTH | typeof SET_WATCHES

interface Expectation {
  readonly sentAt: number
  readonly onAnswer: ((error: number) => void) | undefined
}

/** The packets besides the requests that the server has to answer, each kind in order. */
export class ControlPackets {
  readonly #expected: Readonly<Record<ControlXid, Fifo<Expectation>>> = {
    [PING]: new Fifo(),
    [AUTH]: new Fifo(),
    [SET_WATCHES]: new Fifo(),
  }

  sent(xid: ControlXid, sentAt: number, onAnswer: ((error: number) => void) | undefined): void {
    this.#expected[xid].push({ sentAt, onAnswer })
  }

  /** Takes the answer to a packet, and says when that was sent. */
  answer(xid: number, error: number): number {
    const expected: Readonly<Record<number, Fifo<Expectation>>> = this.#expected
    const expectation = expected[xid]?.shift()
    if (expectation === undefined) throw malformed(`an answer to packet ${xid}, which was not sent`)
    expectation.onAnswer?.(error)
    return expectation.sentAt
  }

  clear(): void {
    for (const expected of Object.values(this.#expected)) expected.drain()
  }
}
