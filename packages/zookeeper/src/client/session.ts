import type { LookupFunction } from 'node:net'
import { Authentication } from './authentication.ts'
import { settingsOf } from './client-options.ts'
import type { Auth, ClientOptions, Settings } from './client-options.ts'
import { Connection } from './connection.ts'
import type { ConnectionOwner } from './connection.ts'
import { PING, SET_WATCHES } from './control-packets.ts'
import { DialFailures } from './dial-failures.ts'
import { checkIdentity, connectRequest, NEW_SESSION, readGrant } from './handshake.ts'
import type { Grant, SessionIdentity } from './handshake.ts'
import { Heartbeat } from './heartbeat.ts'
import { Hosts, shufflingLookup } from './hosts.ts'
import { malformed } from './jute-reader.ts'
import type { JuteReader } from './jute-reader.ts'
import { closeSession } from './operations.ts'
import { Paths } from './paths.ts'
import { Pipeline } from './pipeline.ts'
import { Redial } from './redial.ts'
import type { Runtime, Timer } from './runtime.ts'
import type { ClientState, StateEvent, StateListener } from './state-event.ts'
import { watchPackets } from './watch-packets.ts'
import { notify, Watches } from './watches.ts'
import { ZooKeeperError } from './zookeeper-error.ts'

// org.apache.zookeeper.ZooDefs.OpCode
const PING_OPCODE = 11

/** A session: connects, and connects again, until it is closed or over. */
export class Session implements ConnectionOwner {
  readonly watches: Watches = new Watches()
  readonly paths: Paths
  readonly pipeline: Pipeline
  identity: SessionIdentity
  /** As negotiated; 0 as long as it was not. */
  timeout = 0
  #state: ClientState = 'idle'
  readonly #settings: Settings
  readonly #runtime: Runtime
  readonly #hosts: Hosts
  readonly #lookup: LookupFunction
  readonly #redial: Redial
  readonly #failures = new DialFailures()
  readonly #authentication: Authentication
  readonly #listeners = new Set<StateListener>()
  #connection: Connection | undefined
  #attempt: Timer | undefined
  #heartbeat: Heartbeat | undefined
  /** When the server was asked for the session on this connection. */
  #askedAt: number | undefined
  /** Whether it was granted. */
  #granted = false
  /** How often in a row servers hung up when they were asked. */
  #refusals = 0
  /** How many attempts in a row ended because nothing came in time. */
  #silences = 0
  /** How many uses of the session keep the process alive. */
  #refs: number
  #closing: Promise<void> | undefined
  #finishClosing: (() => void) | undefined

  constructor(options: ClientOptions) {
    this.#settings = settingsOf(options)
    const { runtime, auth, keepAlive, maxRequest } = this.#settings
    this.#runtime = runtime
    this.#refs = keepAlive ? 1 : 0
    this.#hosts = new Hosts(options.servers, runtime)
    this.#lookup = shufflingLookup(runtime)
    this.#redial = new Redial(runtime, this.#hosts.size, () => {
      this.#dial()
    })
    this.#redial.keepAlive = keepAlive
    this.identity = checkIdentity(options.session ?? NEW_SESSION)
    this.paths = new Paths(options.chroot)
    const { paths, watches } = this
    this.pipeline = new Pipeline({ runtime, paths, watches, maxRequest })
    this.#authentication = new Authentication(this.pipeline, auth, (cause) => {
      this.#end('authFailed', cause)
      this.#emit({ type: 'authFailed', cause })
    })
  }

  get state(): ClientState {
    return this.#state
  }

  listen(listener: StateListener): () => void {
    const own: StateListener = (event) => {
      listener(event)
    }
    this.#listeners.add(own)
    return () => {
      this.#listeners.delete(own)
    }
  }

  /** Keeps the process alive, connected or not, until the function that it returns is called. */
  ref(): () => void {
    this.#addRefs(1)
    let isReleased = false
    return () => {
      if (!isReleased) this.#addRefs(-1)
      isReleased = true
    }
  }

  /** Connects, if it has not begun to. */
  start(): void {
    if (this.#state !== 'idle') return
    this.#state = 'connecting'
    this.#dial()
  }

  /** Proves an identity from now on. */
  addAuth(auth: Auth): void {
    this.#authentication.add(auth, this.#granted)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Closes at once, and says nothing to the server. */
  abandon(): void {
    if (this.#state === 'closed') return
    this.#closing ??= Promise.resolve()
    this.#finish()
  }

  onConnected(): void {
    this.#askedAt = this.#runtime.now()
    const request = connectRequest(
      this.identity,
      this.#settings.sessionTimeout,
      this.pipeline.zxid.latest,
    )
    this.#connection?.write(request)
  }

  onReceived(): void {
    this.#heartbeat?.received(this.#runtime.now())
  }

  onFrame(frame: JuteReader): void {
    if (!this.#granted) {
      this.#take(readGrant(frame))
      return
    }
    this.pipeline.receive(frame)
    this.#redial.succeeded()
  }

  onDrain(): void {
    this.pipeline.pump()
  }

  onLost(cause: ZooKeeperError): void {
    if (this.#connection !== undefined) {
      this.#failures.add(this.#connection.host.name, cause.message)
    }
    if (this.#askedAt !== undefined && !this.#granted) this.#refusals++
    this.#detach(cause)
    if (this.identity.id === NEW_SESSION.id || this.#redial.allFailed) this.#finishClosing?.()
    this.#redial.failed()
    if (this.#state !== 'connected') return
    this.#state = 'connecting'
    // Last, as a listener may close the client.
    this.#emit({ type: 'disconnected', cause })
  }

  #dial(): void {
    if (this.#isForgotten()) {
      this.pipeline.zxid.reset()
      this.#expire()
      return
    }
    const host = this.#hosts.next()
    const { tls, tlsReason, maxFrame } = this.#settings
    let connection: Connection
    try {
      const keepAlive = this.#refs > 0
      const settings = { tls: tls?.(), tlsReason, lookup: this.#lookup, maxFrame, keepAlive }
      connection = new Connection(host, settings, this)
    } catch (error) {
      const why = `${host.name}: ${tlsReason?.(error) ?? (error as Error).message}`
      this.#failures.add(host.name, why)
      this.onLost(new ZooKeeperError('CONNECTION_LOSS', why, { cause: error }))
      return
    }
    this.#connection = connection
    const patience = this.#connectTimeout()
    const giveUp = (): void => {
      this.#silences++
      // Silence is no refusal.
      this.#askedAt = undefined
      connection.giveUp(patience)
    }
    this.#attempt = this.#runtime.setTimer(giveUp, patience, false)
  }

  #addRefs(count: number): void {
    this.#refs += count
    const keepAlive = this.#refs > 0
    this.#redial.keepAlive = keepAlive
    if (this.#connection !== undefined) this.#connection.keepAlive = keepAlive
  }

  /**
   * The time of one attempt, in milliseconds. It doubles when no server has granted a new session in time: all of them may be
   * busy. A session that exists is resumed at another server soon, before it expires.
   */
  #connectTimeout(): number {
    const { connectTimeout, sessionTimeout } = this.#settings
    const share = ((this.timeout || sessionTimeout) * 2) / 3 / this.#hosts.size
    const isNew = this.identity.id === NEW_SESSION.id
    const rounds = isNew ? Math.floor(this.#silences / this.#hosts.size) : 0
    return connectTimeout ?? Math.round(Math.min(5000, Math.max(500, share) * 2 ** rounds))
  }

  /**
   * Servers hang up on a client that has seen more than they have. If all do, and for longer than the session can have lasted,
   * they have lost their data, and it is another history from here on.
   */
  #isForgotten(): boolean {
    return (
      this.#settings.renew === true &&
      this.identity.id !== NEW_SESSION.id &&
      this.#refusals >= 2 * this.#hosts.size &&
      this.#runtime.now() - this.pipeline.answeredAt > 2 * this.timeout
    )
  }

  #take({ id, password, timeout, isReadOnly }: Grant): void {
    this.#attempt?.cancel()
    const connection = this.#connection
    const isResumed = this.identity.id !== NEW_SESSION.id
    if (connection === undefined) return
    if (isResumed && timeout <= 0) {
      this.#expire()
      return
    }
    if (isReadOnly) throw new ZooKeeperError('NOT_READ_ONLY', 'the server is read-only: no quorum')
    if (timeout <= 0 || (isResumed && id !== this.identity.id)) {
      throw malformed('a session that was not asked for')
    }
    this.#granted = true
    this.#refusals = 0
    this.#silences = 0
    this.identity = { id, password }
    this.timeout = timeout
    this.#heartbeat = new Heartbeat(
      this.#runtime,
      timeout,
      () => {
        this.pipeline.control(PING, PING_OPCODE, () => {})
      },
      () => {
        const why = `${connection.host.name}: nothing came for two thirds of the session timeout`
        connection.break(new ZooKeeperError('CONNECTION_LOSS', why))
      },
    )
    this.pipeline.attach(connection, this.#heartbeat, this.#askedAt ?? -Infinity)
    this.#authentication.proveAll(() => {
      this.#open(connection, isResumed)
    })
  }

  #open(connection: Connection, isResumed: boolean): void {
    for (const { opcode, encode } of watchPackets(
      this.watches,
      this.paths,
      this.pipeline.zxid.latest,
    )) {
      this.pipeline.control(SET_WATCHES, opcode, encode, (error) => {
        if (error === 0) return
        const why = `${connection.host.name}: the watches were refused with ${error}`
        connection.break(new ZooKeeperError('CONNECTION_LOSS', why))
      })
    }
    this.#state = 'connected'
    this.#failures.clear()
    this.pipeline.open()
    if (this.#closing === undefined) {
      this.#emit({ type: 'connected', resumed: isResumed, server: connection.host.name })
    } else {
      this.#endSession()
    }
  }

  #expire(): void {
    const cause = new ZooKeeperError('SESSION_EXPIRED', 'the session is over')
    this.#connection?.close()
    this.#detach(cause)
    this.identity = NEW_SESSION
    this.timeout = 0
    this.pipeline.answeredAt = Number.NEGATIVE_INFINITY
    this.#refusals = 0
    this.#silences = 0
    this.watches.clear()
    if (this.#finishClosing !== undefined) {
      this.#finishClosing()
      return
    }
    if (this.#settings.renew === true) this.#redial.now()
    else this.#end('expired', cause)
    this.#emit({ type: 'expired' })
  }

  async #close(): Promise<void> {
    const { closeTimeout } = this.#settings
    this.pipeline.refuse('CLOSED', 'the client is closed')
    const isAsking = this.#askedAt !== undefined && !this.#granted
    if (this.#isAlive() && (this.identity.id !== NEW_SESSION.id || isAsking)) {
      await new Promise<void>((resolve) => {
        const timer = this.#runtime.setTimer(resolve, closeTimeout, this.#refs > 0)
        this.#finishClosing = () => {
          timer.cancel()
          resolve()
        }
        if (this.#state === 'connected') this.#endSession()
        else if (this.#connection === undefined) this.#redial.now()
      })
    }
    this.#finish()
  }

  #finish(): void {
    if (this.#state === 'closed') return
    this.#end('closed', new ZooKeeperError('CLOSED', 'the client is closed'))
    this.#emit({ type: 'closed' })
  }

  #endSession(): void {
    this.pipeline.submitLast(closeSession).then(
      () => this.#finishClosing?.(),
      // The connection was lost: the next one tells whether the session is over.
      () => {},
    )
  }

  #isAlive(): boolean {
    return this.#state === 'connecting' || this.#state === 'connected'
  }

  #end(state: 'closed' | 'expired' | 'authFailed', cause: ZooKeeperError): void {
    this.#state = state
    this.#redial.stop()
    this.#attempt?.cancel()
    this.#heartbeat?.stop()
    this.#connection?.close()
    this.#connection = undefined
    this.pipeline.end(cause.code, cause.message)
    this.watches.clear()
    this.#finishClosing?.()
  }

  #detach(cause: ZooKeeperError): void {
    this.#attempt?.cancel()
    this.#heartbeat?.stop()
    this.#heartbeat = undefined
    this.#connection = undefined
    this.#askedAt = undefined
    this.#granted = false
    this.pipeline.lose(cause, this.#failures.summary)
  }

  #emit(event: StateEvent): void {
    for (const listener of [...this.#listeners]) notify(listener, event)
  }
}
