import { LibkvError, isLibkvError } from '@libkv/core'
import {
  anything,
  asyncDispose,
  backoff,
  callRules,
  checkOptions,
  abortable,
  sleep,
  throwIfAborted,
} from '@libkv/core/recipe'
import type { CallOptions, KVPair, Session } from '@libkv/core'
import type { OptionRules } from '@libkv/core/recipe'
import { keyOf, readEntry, textOfDeregistered, textOfInstance } from './entry.ts'
import { checkedInstance } from './instance.ts'
import type { Instance, InstanceUpdate } from './instance.ts'
import type { Registered, Registrar } from './registrar.ts'

/** Over how long processes spread that lost their sessions together, in milliseconds. */
const SPREAD = 250

/**
 * An instance that this process keeps registered until {@link Registration.deregister}: it is written again when the session
 * was lost in an outage, and when somebody deleted the entry.
 */
export interface Registration extends AsyncDisposable {
  /** As it was registered or last updated. */
  readonly instance: Instance
  /**
   * Aborts when the registration is over, with an error as its reason: `CLOSED` after `deregister()` or `close()`,
   * `KEY_MODIFIED` when somebody else has registered the same id since.
   */
  readonly signal: AbortSignal
  /** Whether the entry is certainly there, as far as this process has heard. It looks at the clock. */
  isRegistered(): boolean
  /**
   * Changes the entry in place. Where it rejects because of an outage, the change is made as soon as the store is back.
   *
   * @throws LibkvError `INVALID_OPTION`, `VALUE_TOO_LARGE`; the reason of {@link signal} when the registration is over.
   */
  update(changes: InstanceUpdate, options?: CallOptions): Promise<void>
  /**
   * Takes the instance off the list at once, and nothing brings it back. Where it rejects because of an outage, this is tried
   * until it succeeds, or the discovery is closed. Idempotent.
   */
  deregister(options?: CallOptions): Promise<void>
}

const updateRules: OptionRules<InstanceUpdate> = {
  address: anything,
  port: anything,
  metadata: anything,
}

/**
 * Drives what the store holds under one key to what is wanted: the instance, or the note that it was deregistered. Every
 * write is a compare-and-set on what was last known, so that one that was delayed on its way cannot undo a later one.
 */
export class KeptRegistration implements Registration, Registered {
  readonly #registrar: Registrar
  readonly #id: string
  readonly #key: string
  readonly #over = new AbortController()
  #instance: Instance
  #isWanted = true
  /** Whether the store may hold an entry of this registration. */
  #mayExist = false
  /** Whether an entry of this registration has been seen in the store: whatever else is there then came later. */
  #wasThere = false
  /** What the key holds; undefined where that has to be read first. */
  #pair: KVPair | null | undefined
  /** The session that the entry is bound to. */
  #session: Session | undefined
  /** The changes of one registration are made one after the other. */
  #queue: Promise<unknown> = Promise.resolve()
  #isDoubtful = false
  #isKeeping = false
  /** Ends the attempt in the background that is under way. */
  #attempt = new AbortController()

  constructor(registrar: Registrar, instance: Instance) {
    this.#registrar = registrar
    this.#instance = instance
    this.#id = registrar.runtime.uuid()
    this.#key = keyOf(registrar.prefix, instance.service, instance.id)
    registrar.add(this)
  }

  get instance(): Instance {
    return this.#instance
  }

  get signal(): AbortSignal {
    return this.#over.signal
  }

  isRegistered(): boolean {
    return (
      this.#isWanted &&
      !this.#isDoubtful &&
      this.#pair?.text() === this.#text &&
      this.#session?.isAlive() === true
    )
  }

  /** Takes the place of whatever is there. */
  async register(options: CallOptions): Promise<void> {
    try {
      await this.#bringAbout(options)
      throwIfAborted(this.#over.signal)
    } catch (error) {
      this.#end(error)
      if (this.#mayExist) this.refresh()
      else this.#registrar.remove(this)
      throw error
    }
    void this.#follow()
  }

  async update(changes: InstanceUpdate, options: CallOptions = {}): Promise<void> {
    checkOptions(changes, updateRules, { prefix: 'changes.' })
    checkOptions(options, callRules)
    const before = this.#instance
    const { address, port, metadata } = { ...before, ...changes }
    const after = checkedInstance({ ...before, address, port, metadata })
    throwIfAborted(this.#over.signal)
    this.#instance = after
    try {
      await this.#bringAbout(options)
    } catch (error) {
      if (isLibkvError(error, 'VALUE_TOO_LARGE')) this.#instance = before
      this.refresh()
      throw error
    }
    throwIfAborted(this.#over.signal)
  }

  async deregister(options: CallOptions = {}): Promise<void> {
    checkOptions(options, callRules)
    this.#end(new LibkvError('CLOSED', `'${this.#key}' was deregistered`, { key: this.#key }))
    try {
      await this.#bringAbout(options)
    } catch (error) {
      this.refresh()
      throw error
    }
    this.#registrar.remove(this)
  }

  [asyncDispose](): Promise<void> {
    return this.deregister()
  }

  /** Looks after the entry in the background, until the store holds what is wanted. */
  refresh(): void {
    this.#isDoubtful = true
    if (!this.#isKeeping) void this.#keep()
  }

  abandon(): void {
    this.#mayExist = false
    this.#isDoubtful = false
    this.#attempt.abort()
  }

  get #text(): string {
    return this.#isWanted
      ? textOfInstance(this.#instance, this.#id, this.#registrar.ttl)
      : textOfDeregistered(this.#id)
  }

  #bringAbout(options: CallOptions): Promise<void> {
    // What goes on in the background gives way. It reads anew, so that it may be ended anywhere.
    this.#attempt.abort()
    return this.#inTurn(options)
  }

  #inTurn(options: CallOptions): Promise<void> {
    const turn = this.#queue.then(() => this.#settle(options))
    this.#queue = turn.catch(() => undefined)
    return unlessAborted(turn, options.signal)
  }

  async #settle(options: CallOptions): Promise<void> {
    const { store, ttl } = this.#registrar
    while (this.#isWanted || this.#mayExist) {
      // Of what was deregistered a trace is kept for as long as others may take its absence for an expiry.
      const bond = this.#isWanted
        ? { session: await unlessAborted(this.#registrar.session(), options.signal) }
        : { ttl }
      this.#pair ??= await store.get(this.#key, options)
      const pair = this.#pair
      if (this.#isForeign(pair)) {
        this.#supersede()
        return
      }
      const text = this.#text
      if (pair?.text() === text && this.#session === bond.session) break
      this.#mayExist = true
      this.#pair = undefined
      try {
        this.#pair = await store.atomicPut(this.#key, text, pair, { ...options, ...bond })
        this.#session = bond.session
        this.#wasThere = true
      } catch (error) {
        if (!isConflict(error)) throw error
        this.#pair = error.current
      }
    }
    if (!this.#isWanted) this.#mayExist = false
  }

  /** Whether the entry is another registration's, or nothing that this one may touch. */
  #isForeign(pair: KVPair | null): boolean {
    if (pair === null || (this.#isWanted && !this.#wasThere)) return false
    const entry = readEntry(this.#registrar.prefix, pair)
    if (entry.type === 'invalid') return !this.#isWanted
    return entry.registration !== this.#id
  }

  #supersede(): void {
    this.#mayExist = false
    const message = `'${this.#key}' was registered by somebody else since`
    this.#end(new LibkvError('KEY_MODIFIED', message, { key: this.#key }))
    this.#registrar.remove(this)
  }

  #end(reason: unknown): void {
    this.#isWanted = false
    this.#over.abort(reason)
  }

  /** Notices when somebody deletes or replaces the entry. */
  async #follow(): Promise<void> {
    const { store } = this.#registrar
    try {
      for await (const pair of store.watch(this.#key, { signal: this.#over.signal })) {
        if (pair?.text() !== this.#text) this.refresh()
      }
    } catch {
      // It is over; or it may write but not read, and then the session alone has to do.
    }
  }

  async #keep(): Promise<void> {
    const { runtime } = this.#registrar
    this.#isKeeping = true
    for (let failures = 0; this.#isDoubtful; failures++) {
      this.#attempt = new AbortController()
      const { signal } = this.#attempt
      const wait = failures === 0 ? runtime.random() * SPREAD : backoff(runtime, failures, 25)
      try {
        await sleep(runtime, wait, signal)
        this.#isDoubtful = false
        this.#pair = undefined
        await this.#inTurn({ signal })
        if (!this.#isWanted) this.#registrar.remove(this)
      } catch (error) {
        if (isLibkvError(error, 'CLOSED')) {
          this.#end(error)
          this.abandon()
        } else if (this.#isWanted || this.#mayExist) this.#isDoubtful = true
      }
    }
    this.#isKeeping = false
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return signal === undefined ? work : abortable(work, signal)
}

function isConflict(error: unknown): error is LibkvError {
  return (
    isLibkvError(error, 'KEY_MODIFIED') ||
    isLibkvError(error, 'KEY_EXISTS') ||
    isLibkvError(error, 'KEY_NOT_FOUND')
  )
}
