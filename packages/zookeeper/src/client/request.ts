import type { Call } from './call.ts'
import type { Operation, Target } from './operation.ts'
import type { Arming } from './watches.ts'
import { isZooKeeperError, ZooKeeperError } from './zookeeper-error.ts'
import type { ZooKeeperErrorCode } from './zookeeper-error.ts'

/** A request on its way, and the promise of its answer. */
export class Request {
  readonly operation: Operation<Target, unknown>
  readonly target: Target
  readonly call: Call
  /** Whether the promise is settled; the server may still have to answer. */
  settled = false
  xid = 0
  /** When it was handed to the wire, or NaN. */
  sentAt: number = Number.NaN
  /** What is to be sent as soon as that is possible. */
  frame: Buffer | undefined
  /** The watch that it asks for. */
  arming: Arming | undefined
  readonly answer: Promise<unknown>
  #resolve!: (answer: unknown) => void
  #reject!: (error: unknown) => void
  #onAbort: (() => void) | undefined

  constructor(operation: Operation<Target, unknown>, target: Target, call: Call) {
    this.operation = operation
    this.target = target
    this.call = call
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    if (call.signal !== undefined) this.#listenTo(call.signal)
  }

  resolve(answer: unknown): void {
    if (this.#settle()) this.#resolve(answer)
  }

  /** Rejects; whether the request may have been carried out is told by whether it is a write that was sent. */
  fail(code: ZooKeeperErrorCode, why: string, cause?: unknown): void {
    if (this.settled) return
    const wasSent = !Number.isNaN(this.sentAt)
    this.#rejectWith(code, why, wasSent && this.operation.writes === true, cause)
  }

  /** Rejects with the server's word, or for a reason that was there before anything was sent. */
  refuse(code: ZooKeeperErrorCode, why: string = code): void {
    // What the server has no better word for, it may have met half way.
    this.#rejectWith(code, why, code === 'SERVER_ERROR' && this.operation.writes === true)
  }

  /** Rejects with what was thrown while the request was encoded, or its answer decoded. */
  failWith(error: unknown): void {
    if (!isZooKeeperError(error)) {
      this.#rejectWith('BAD_ARGUMENTS', (error as Error).message, false, error)
    } else if (error.code === 'PROTOCOL_ERROR') {
      this.fail(error.code, error.message, error)
    } else if (error.failedIndex === undefined) {
      this.refuse(error.code, error.message)
    } else if (this.#settle()) {
      this.#reject(error)
    }
  }

  #rejectWith(
    code: ZooKeeperErrorCode,
    why: string,
    mayHaveHappened: boolean,
    cause?: unknown,
  ): void {
    if (!this.#settle()) return
    const operation = this.operation.name
    const { path } = this.target
    const what = path === undefined ? operation : `${operation} ${path}`
    const details = { mayHaveHappened, operation, path, cause }
    this.#reject(new ZooKeeperError(code, `${what}: ${why}`, details))
  }

  #listenTo(signal: AbortSignal): void {
    const onAbort = (): void => {
      if (this.#settle()) this.#reject(signal.reason)
    }
    if (signal.aborted) {
      onAbort()
      return
    }
    this.#onAbort = onAbort
    signal.addEventListener('abort', onAbort, { once: true })
  }

  #settle(): boolean {
    if (this.settled) return false
    this.settled = true
    this.frame = undefined
    if (this.#onAbort !== undefined) {
      this.call.signal?.removeEventListener('abort', this.#onAbort)
    }
    return true
  }
}
