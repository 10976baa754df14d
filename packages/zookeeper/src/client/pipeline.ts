import type { Call } from './call.ts'
import { ControlPackets } from './control-packets.ts'
import type { ControlXid } from './control-packets.ts'
import { DeadlineTimer } from './deadline-timer.ts'
import { Fifo } from './fifo.ts'
import { malformed } from './jute-reader.ts'
import type { JuteReader } from './jute-reader.ts'
import { JuteWriter } from './jute-writer.ts'
import type { Operation, Target } from './operation.ts'
import { CREATE_SESSION } from './operations.ts'
import { Outbox } from './outbox.ts'
import type { SendListener, Wire } from './outbox.ts'
import type { Paths } from './paths.ts'
import { Request } from './request.ts'
import type { Runtime } from './runtime.ts'
import { readWatchEvent } from './watch-packets.ts'
import type { Watches } from './watches.ts'
import { XidSequence } from './xid-sequence.ts'
import { codeOf, isZooKeeperError, NO_NODE, ZooKeeperError } from './zookeeper-error.ts'
import type { ZooKeeperErrorCode } from './zookeeper-error.ts'
import { ZxidClock } from './zxid-clock.ts'

// What is in flight when the connection breaks leaves the callers in doubt: no more of it than keeps the server busy.
const MOST_IN_FLIGHT = 4096
// org.apache.zookeeper.ClientCnxn
const NOTIFICATION = -1
const NO_CALL: Call = {}

export interface PipelineSettings {
  readonly runtime: Runtime
  readonly paths: Paths
  readonly watches: Watches
  readonly maxRequest: number
}

/**
 * The requests of a session: those that wait to be sent, in order, and those that wait for the server, which answers in the
 * same order.
 */
export class Pipeline {
  readonly zxid: ZxidClock = new ZxidClock()
  /** When the latest packet that was answered had been sent. */
  answeredAt: number = Number.NEGATIVE_INFINITY
  readonly #runtime: Runtime
  readonly #paths: Paths
  readonly #watches: Watches
  readonly #outbox: Outbox
  readonly #waitingWriter: JuteWriter
  readonly #deadlines: DeadlineTimer
  readonly #waiting = new Fifo<Request>()
  readonly #inFlight = new Fifo<Request>()
  readonly #controls = new ControlPackets()
  readonly #xids = new XidSequence()
  /** Whether requests may be sent, besides what the session itself has to say. */
  #isOpen = false
  #refusal: ZooKeeperError | undefined
  /** Why there is no connection. */
  #loss: { readonly cause: ZooKeeperError; readonly why: string } | undefined

  constructor({ runtime, paths, watches, maxRequest }: PipelineSettings) {
    this.#runtime = runtime
    this.#paths = paths
    this.#watches = watches
    this.#waitingWriter = new JuteWriter(maxRequest)
    this.#deadlines = new DeadlineTimer(runtime, (now) => this.#sweep(now))
    this.#outbox = new Outbox(runtime, maxRequest, () => {
      this.pump()
    })
  }

  get flushes(): number {
    return this.#outbox.flushes
  }

  submit<Q extends Target, A>(
    operation: Operation<Q, A>,
    target: Q,
    call: Call = NO_CALL,
  ): Promise<A> {
    const request = new Request(operation, target, call)
    if (this.#refusal === undefined) this.#accept(request)
    else request.refuse(this.#refusal.code, this.#refusal.message)
    return request.answer as Promise<A>
  }

  /** Makes the last request of all, after {@link refuse}. */
  submitLast(operation: Operation<Target, void>): Promise<void> {
    const request = new Request(operation, {}, NO_CALL)
    this.#accept(request)
    return request.answer as Promise<void>
  }

  /** A session was granted on this connection, for which it was asked at `askedAt`: control packets can be sent. */
  attach(wire: Wire, listener: SendListener, askedAt: number): void {
    this.#outbox.attach(wire, listener)
    this.#answered(askedAt)
  }

  /** Requests can be sent, too. */
  open(): void {
    this.#isOpen = true
    this.#loss = undefined
    this.pump()
  }

  /** Sends a packet that is no request. */
  control(
    xid: ControlXid,
    opcode: number,
    encode: (writer: JuteWriter) => void,
    onAnswer?: (error: number) => void,
  ): void {
    const { writer } = this.#outbox
    writer.beginFrame()
    writer.int(xid)
    writer.int(opcode)
    encode(writer)
    writer.endFrame()
    this.#controls.sent(xid, this.#outbox.written(false), onAnswer)
  }

  /**
   * The connection is gone, and what was in flight with it; or could not be made.
   *
   * @param why - the reason for requests that wait until their time is over
   */
  lose(cause: ZooKeeperError, why: string = cause.message): void {
    this.#isOpen = false
    this.#loss = { cause, why }
    this.#outbox.detach()
    this.#controls.clear()
    // If it broke over a frame, that was the answer to the first.
    let code: ZooKeeperErrorCode = cause.code === 'PROTOCOL_ERROR' ? cause.code : 'CONNECTION_LOSS'
    for (const request of this.#inFlight.drain()) {
      this.#abandon(request, code, cause.message, cause)
      code = 'CONNECTION_LOSS'
    }
    // Without a connection, other deadlines count.
    if (this.#waiting.length > 0) this.#deadlines.include(this.#runtime.now())
  }

  /** Refuses all requests from now on, and those that wait. */
  refuse(code: ZooKeeperErrorCode, why: string): void {
    this.#refusal = new ZooKeeperError(code, why)
    for (const request of this.#waiting.drain()) this.#abandon(request, code, why)
  }

  /** Refuses all requests from now on, and fails all that were made. */
  end(code: ZooKeeperErrorCode, why: string): void {
    this.refuse(code, why)
    this.#isOpen = false
    this.#deadlines.stop()
    this.#outbox.detach()
    for (const request of this.#inFlight.drain()) this.#abandon(request, code, why)
  }

  /** Sends what waits, as far as the connection takes it. */
  pump(): void {
    while (this.#waiting.length > 0 && this.#isSendable()) {
      const request = this.#waiting.shift() as Request
      if (request.call.settled === true) this.#abandonUnsent(request)
      if (request.settled) this.#dropWatch(request)
      else this.#sendWaiting(request)
    }
  }

  /** Takes a frame of the server's. */
  receive(frame: JuteReader): void {
    const xid = frame.int()
    const zxidHigh = frame.int()
    const zxidLow = frame.unsignedInt()
    const error = frame.int()
    if (xid === NOTIFICATION) {
      const event = readWatchEvent(frame, ZxidClock.toBigInt(zxidHigh, zxidLow), this.#paths)
      if (event !== undefined) this.#watches.dispatch(event)
      return
    }
    if (xid < 0) {
      this.#answered(this.#controls.answer(xid, error))
      return
    }
    const request = this.#inFlight.peek()
    if (request?.xid !== xid) throw malformed(`an answer to request ${xid}, which was not next`)
    this.zxid.advance(zxidHigh, zxidLow)
    request.call.answered?.(ZxidClock.toBigInt(zxidHigh, zxidLow))
    this.#answer(request, error, frame)
    this.#inFlight.shift()
    this.#answered(request.sentAt)
    if (this.#waiting.length > 0) this.pump()
  }

  #answered(sentAt: number): void {
    if (sentAt > this.answeredAt) this.answeredAt = sentAt
  }

  #answer(request: Request, error: number, frame: JuteReader): void {
    const { operation, target, arming } = request
    const isAbsent = error === NO_NODE && operation.nullable === true
    if (request.settled || (error !== 0 && !isAbsent)) {
      this.#dropWatch(request)
      request.refuse(codeOf(error))
      return
    }
    let answer: unknown = null
    if (!isAbsent) {
      try {
        answer = operation.decode(frame, target, this.#paths, this.zxid)
      } catch (thrown) {
        if (!isZooKeeperError(thrown) || thrown.code === 'PROTOCOL_ERROR') throw thrown
        request.failWith(thrown)
        return
      }
    }
    request.resolve(answer)
    if (arming === undefined) return
    const kind = isAbsent ? operation.watchAbsent : operation.watch
    if (kind === undefined) this.#watches.drop(arming)
    else this.#watches.confirm(arming, kind)
  }

  #accept(request: Request): void {
    if (request.call.settled === true) this.#abandonUnsent(request)
    if (request.settled) return
    const { listener, path } = request.target
    const { deadline } = request.call
    try {
      if (this.#waiting.length === 0 && this.#isSendable()) this.#send(request)
      else this.#wait(request)
    } catch (error) {
      request.failWith(error)
      return
    }
    if (listener !== undefined && path !== undefined) {
      request.arming = this.#watches.begin(path, listener)
    }
    if (deadline !== undefined) this.#deadlines.include(deadline)
  }

  #isSendable(): boolean {
    return this.#isOpen && this.#inFlight.length < MOST_IN_FLIGHT && !this.#outbox.isFull
  }

  #send(request: Request): void {
    if (request.operation.opcode === CREATE_SESSION) {
      request.resolve(undefined)
      return
    }
    request.xid = this.#xids.next()
    this.#encode(request, this.#outbox.writer)
    this.#sent(request)
  }

  /** Encodes the request all the same: an error in it is known at once, and its data may be other data later. */
  #wait(request: Request): void {
    this.#encode(request, this.#waitingWriter)
    request.frame = this.#waitingWriter.take()[0]
    this.#waiting.push(request)
    const { connectDeadline } = request.call
    if (!this.#isOpen && connectDeadline !== undefined) this.#deadlines.include(connectDeadline)
  }

  #sendWaiting(request: Request): void {
    if (request.operation.opcode === CREATE_SESSION) {
      request.resolve(undefined)
      return
    }
    const frame = request.frame as Buffer
    request.xid = this.#xids.next()
    frame.writeInt32BE(request.xid, 4)
    this.#outbox.writer.append(frame)
    this.#sent(request)
  }

  #sent(request: Request): void {
    request.frame = undefined
    request.sentAt = this.#outbox.written(this.#inFlight.length === 0)
    this.#inFlight.push(request)
    request.call.markSent?.()
  }

  #encode({ xid, operation, target }: Request, writer: JuteWriter): void {
    writer.beginFrame()
    try {
      writer.int(xid)
      writer.int(operation.opcode)
      operation.encode(writer, target, this.#paths)
      writer.endFrame()
    } catch (error) {
      writer.dropFrame()
      throw error
    }
  }

  /** Fails what is overdue, and says when there will be more of it. */
  #sweep(now: number): number {
    let next = Infinity
    this.#waiting.filter((request) => {
      if (request.call.settled === true) this.#abandonUnsent(request)
      const { deadline = Infinity, connectDeadline = Infinity } = request.call
      const due = this.#isOpen ? deadline : Math.min(deadline, connectDeadline)
      if (due <= now) this.#overdue(request)
      if (request.settled) this.#dropWatch(request)
      else next = Math.min(next, due)
      return !request.settled
    })
    for (const request of this.#inFlight) {
      const { deadline = Infinity } = request.call
      if (deadline <= now) request.fail('TIMEOUT', 'no answer in time')
      else if (!request.settled) next = Math.min(next, deadline)
    }
    return next
  }

  #overdue(request: Request): void {
    const { cause, why } = this.#loss ?? {}
    const because = why === undefined ? '' : `: ${why}`
    if (this.#isOpen) request.fail('TIMEOUT', 'it could not be sent in time')
    else request.fail('NOT_REACHABLE', `no server was reached in time${because}`, cause)
  }

  #abandonUnsent(request: Request): void {
    this.#abandon(request, 'TIMEOUT', 'nobody waits for it any more')
  }

  #abandon(request: Request, code: ZooKeeperErrorCode, why: string, cause?: unknown): void {
    this.#dropWatch(request)
    request.fail(code, why, cause)
  }

  #dropWatch({ arming }: Request): void {
    if (arming !== undefined) this.#watches.drop(arming)
  }
}
