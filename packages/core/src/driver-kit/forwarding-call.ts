import type { Call } from './driver.ts'

/** A {@link Call} that forwards to another one, for subclasses that change a part of it. */
export class ForwardingCall implements Call {
  readonly deadline: number
  readonly connectDeadline: number
  readonly #call: Call

  constructor(call: Call) {
    this.#call = call
    this.deadline = call.deadline
    this.connectDeadline = call.connectDeadline
  }

  get isRepeated(): boolean | undefined {
    return this.#call.isRepeated
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
}
