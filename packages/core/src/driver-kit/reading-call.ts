import { ForwardingCall } from './forwarding-call.ts'

/** A call for the reads of a write: sending them does not make the write ambiguous. */
export class ReadingCall extends ForwardingCall {
  override markSent(): void {
    // Reading changes nothing.
  }
}
