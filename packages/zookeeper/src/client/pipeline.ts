import type { Call } from './call.ts'
import type { Connection } from './connection.ts'
import { ControlPackets } from './control-packets.ts'
import type { ControlXid } from './control-packets.ts'
import { DeadlineTimer } from './deadline-timer.ts'
import { Fifo } from './fifo.ts'
import type { Heartbeat } from './heartbeat.ts'
import { malformed } from './jute-reader.ts'
import type { JuteReader } from './jute-reader.ts'
import { JuteWriter } from './jute-writer.ts'
import type { Operation, Target } from './operation.ts'
import { CREATE_SESSION } from './operations.ts'
import type { Paths } from './paths.ts'
import { Request } from './request.ts'
import type { Runtime } from './runtime.ts'
import { readWatchEvent } from './watch-packets.ts'
import type { Watches } from './watches.ts'
import { codeOf, isZooKeeperError, NO_NODE, ZooKeeperError } from './zookeeper-error.ts'
import type { ZooKeeperErrorCode } from './zookeeper-error.ts'
import { ZxidClock } from './zxid-clock.ts'

// What is sent and then lost with the connection leaves the caller in doubt: no more of it than keeps the server busy.
const MOST_IN_FLIGHT = 4096
const LAST_XID = 2 ** 31 - 1
const NOTIFICATION = -1
const NO_CALL: Call = {}

export interface PipelineSettings {
  readonly runtime: Runtime
  readonly paths: Paths
  readonly watches: Watches
  readonly maxRequest: number
}

/**
 * The requests of a session: those that wait for the connection, in order, and those that wait for the server, which answers
 * in the same order. All that is sent during one turn of the event loop goes out in one piece.
 */
export class Pipeline {
  readonly zxid: ZxidClock = new ZxidClock()
  /** When the last packet that was answered had been sent. */
  answeredAt: number = -Infinity
  readonly #runtime: Runtime
  readonly #paths: Paths
  readonly #watches: Watches
  readonly #out: JuteWriter
  readonly #waitingOut: JuteWriter
  readonly #deadlines: DeadlineTimer
  readonly #waiting = new Fifo<Request>()
  readonly #inFlight = new Fifo<Request>()
  readonly #controls = new ControlPackets()
  #connection: Connection | undefined
  #heartbeat: Heartbeat | undefined
  /** Whether requests may be sent, besides what the session itself has to say. */
  #open = false
  #refusal: ZooKeeperError | undefined
  /** Why there is no connection. */
  #lossCause: ZooKeeperError | undefined
  #xid = 0
  #flushing = false
  #sendingAt = 0
  readonly #flush = (): void => {
    this.#flushing = false
    this.#connection?.write(this.#out.take())
  }

  constructor({ runtime, paths, watches, maxRequest }: PipelineSettings) {
    this.#runtime = runtime
    this.#paths = paths
    this.#watches = watches
    this.#out = new JuteWriter(maxRequest)
    this.#waitingOut = new JuteWriter(maxRequest)
    this.#deadlines = new DeadlineTimer(runtime, (now) => this.#sweep(now))
  }

  submit<Q extends Target, A>(
    operation: Operation<Q, A>,
    target: Q,
    call: Call = NO_CALL,
  ): Promise<A> {
    return new Promise<A>((resolve, reject) => {
      const request = new Request(
        operation as unknown as Operation<Target, unknown>,
        target,
        call,
        resolve as (answer: unknown) => void,
        reject,
      )
      if (this.#refusal === undefined) this.#accept(request)
      else request.refuse(this.#refusal.code, this.#refusal.message)
    })
  }

  /** Sends the last request of all, after `refuse`. */
  submitLast(operation: Operation<Target, void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#accept(
        new Request(operation, {}, NO_CALL, resolve as (answer: unknown) => void, reject),
      )
    })
  }

  /** A connection has been accepted: from now on control packets can be sent. */
  attach(connection: Connection, heartbeat: Heartbeat, askedAt: number): void {
    this.#connection = connection
    this.#heartbeat = heartbeat
    this.#answered(askedAt)
  }

  /** Requests can be sent, too. */
  open(): void {
    this.#open = true
    this.#lossCause = undefined
    this.pump()
  }

  /** Sends a packet with one of the xids that are not of requests. */
  control(
    xid: ControlXid,
    opcode: number,
    encode: (writer: JuteWriter) => void,
    onAnswer?: (error: number) => void,
  ): void {
    this.#out.beginFrame()
    this.#out.int(xid)
    this.#out.int(opcode)
    encode(this.#out)
    this.#out.endFrame()
    this.#controls.sent(xid, this.#beginSending(), onAnswer)
  }

  /** The connection is gone, and what was in flight with it; or could not be made. */
  lose(cause: ZooKeeperError): void {
    this.#open = false
    this.#connection = undefined
    this.#heartbeat = undefined
    this.#lossCause = cause
    this.#out.take()
    this.#controls.clear()
    const [first, ...others] = this.#inFlight.drain()
    // The frame that broke the connection was the answer to the first.
    if (first !== undefined && cause.code === 'PROTOCOL_ERROR') this.#abandon(first, cause)
    else if (first !== undefined) others.unshift(first)
    for (const request of others) this.#abandon(request, cause, 'CONNECTION_LOSS')
    // Without a connection, other deadlines count.
    if (this.#waiting.length > 0) this.#deadlines.include(this.#runtime.now())
  }

  /** Refuses all requests from now on, and those that wait. */
  refuse(code: ZooKeeperErrorCode, why: string, cause?: unknown): void {
    this.#refusal = new ZooKeeperError(code, why, { cause })
    for (const request of this.#waiting.drain()) {
      this.#dropWatch(request)
      request.fail(code, why, cause)
    }
  }

  /** Refuses all requests from now on, and fails all that were made. */
  end(code: ZooKeeperErrorCode, why: string, cause?: unknown): void {
    this.refuse(code, why, cause)
    this.#deadlines.stop()
    this.#open = false
    this.#connection = undefined
    for (const request of this.#inFlight.drain()) {
      this.#dropWatch(request)
      request.fail(code, why, cause)
    }
  }

  /** Sends what waits, as far as the connection takes it. */
  pump(): void {
    while (this.#waiting.length > 0 && this.#isSendable()) {
      const request = this.#waiting.shift() as Request
      if (request.settled) this.#dropWatch(request)
      else if (request.call.settled === true) this.#abandonUnsent(request)
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
    if (request.settled) {
      this.#dropWatch(request)
      return
    }
    const isAbsent = error === NO_NODE && operation.nullable === true
    if (error !== 0 && !isAbsent) {
      this.#dropWatch(request)
      request.refuse(codeOf(error))
      return
    }
    let answer: unknown = null
    if (!isAbsent) {
      try {
        answer = operation.decode(frame, target, this.#paths)
      } catch (thrown) {
        if (!isZooKeeperError(thrown) || thrown.code === 'PROTOCOL_ERROR') throw thrown
        request.failWith(thrown)
        return
      }
    }
    const kind = isAbsent ? operation.watchAbsent : operation.watch
    request.resolve(answer)
    if (arming === undefined) return
    if (kind === undefined) this.#watches.drop(arming)
    else this.#watches.confirm(arming, kind)
  }

  #accept(request: Request): void {
    if (request.call.settled === true) this.#abandonUnsent(request)
    if (request.settled) return
    try {
      if (this.#waiting.length === 0 && this.#isSendable()) this.#send(request)
      else this.#wait(request)
    } catch (error) {
      request.failWith(error)
      return
    }
    const { listener, path } = request.target
    if (listener !== undefined && path !== undefined) {
      request.arming = this.#watches.begin(path, listener)
    }
    if (request.call.deadline !== undefined) this.#deadlines.include(request.call.deadline)
  }

  #isSendable(): boolean {
    return (
      this.#open &&
      this.#inFlight.length < MOST_IN_FLIGHT &&
      this.#connection?.isCongested === false
    )
  }

  #send(request: Request): void {
    if (request.operation.opcode === CREATE_SESSION) {
      request.resolve(undefined)
      return
    }
    request.xid = this.#nextXid()
    this.#encode(request, this.#out)
    this.#sent(request)
  }

  /** Encodes the request all the same: its data may be other data later, and an error in it is known at once. */
  #wait(request: Request): void {
    this.#encode(request, this.#waitingOut)
    request.frame = this.#waitingOut.take()[0]
    this.#waiting.push(request)
    if (!this.#open && request.call.connectDeadline !== undefined) {
      this.#deadlines.include(request.call.connectDeadline)
    }
  }

  #sendWaiting(request: Request): void {
    if (request.operation.opcode === CREATE_SESSION) {
      request.resolve(undefined)
      return
    }
    const frame = request.frame as Buffer
    request.xid = this.#nextXid()
    frame.writeInt32BE(request.xid, 4)
    this.#out.append(frame)
    this.#sent(request)
  }

  #sent(request: Request): void {
    request.frame = undefined
    request.sentAt = this.#beginSending()
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

  /** Sees to it that what is written in this turn of the event loop is sent at its end, and says when it began. */
  #beginSending(): number {
    if (!this.#flushing) {
      this.#flushing = true
      this.#sendingAt = this.#runtime.now()
      this.#heartbeat?.sent(this.#sendingAt)
      process.nextTick(this.#flush)
    }
    return this.#sendingAt
  }

  #nextXid(): number {
    this.#xid = this.#xid === LAST_XID ? 1 : this.#xid + 1
    return this.#xid
  }

  /** Fails what is overdue, and says when there will be more of it. */
  #sweep(now: number): number {
    let next = Infinity
    this.#waiting.filter((request) => {
      if (!request.settled && request.call.settled === true) this.#abandonUnsent(request)
      const { deadline = Infinity, connectDeadline = Infinity } = request.call
      const due = this.#open ? deadline : Math.min(deadline, connectDeadline)
      if (!request.settled && due <= now) this.#overdue(request)
      if (request.settled) this.#dropWatch(request)
      else next = Math.min(next, due)
      return !request.settled
    })
    for (const request of this.#inFlight) {
      if (request.settled) continue
      const { deadline = Infinity } = request.call
      if (deadline <= now) request.fail('TIMEOUT', 'no answer in time')
      else next = Math.min(next, deadline)
    }
    return next
  }

  #overdue(request: Request): void {
    const cause = this.#lossCause
    if (this.#open) request.fail('TIMEOUT', 'it could not be sent in time')
    else request.fail('NOT_REACHABLE', `no server was reached in time${because(cause)}`, cause)
  }

  #abandonUnsent(request: Request): void {
    this.#dropWatch(request)
    request.fail('TIMEOUT', 'nobody waits for it any more')
  }

  #abandon(request: Request, cause: ZooKeeperError, code: ZooKeeperErrorCode = cause.code): void {
    this.#dropWatch(request)
    request.fail(code, cause.message, cause)
  }

  #dropWatch({ arming }: Request): void {
    if (arming !== undefined) this.#watches.drop(arming)
  }
}

const because = (cause: ZooKeeperError | undefined): string =>
  cause === undefined ? '' : `: ${cause.message}`
