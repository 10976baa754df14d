import type { Call } from './driver.ts'

/** A {@link Call} for the reads of a write: sending them does not make the write ambiguous. */
export class ReadingCall implements Call {
  readonly deadline: number
  readonly connectDeadline: number
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
    // Reading changes nothing.
  }

  onCancel(callback: () => void): void {
    this.#call.onCancel(callback)
  }
}
