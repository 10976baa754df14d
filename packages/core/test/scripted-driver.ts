import { LibkvError } from '../src/index.ts'
import type {
  Call,
  Change,
  Check,
  CommitOutcome,
  Driver,
  DriverSession,
  Entry,
  KeyRange,
  Observation,
  Observer,
  Scan,
  Scope,
  Write,
} from '../src/driver.ts'
import type { Capabilities, ErrorCode, ErrorDetails } from '../src/index.ts'

export type Method =
  'read' | 'scan' | 'commit' | 'removeTree' | 'openSession' | 'renew' | 'closeSession' | 'ping'

/** One request that reached the driver. */
export interface Request {
  readonly method: Method
  readonly args: readonly unknown[]
  readonly call: Call
  /** How often core told the driver that nobody waits any more. */
  cancellations: number
}

/** What the driver does with a request. */
export type Step = (call: Call, args: readonly unknown[]) => unknown

/** Answers at once. */
export const answers =
  (value?: unknown): Step =>
  () =>
    value

/** Fails at once. */
export const fails =
  (code: ErrorCode, details: ErrorDetails = {}, message = 'scripted'): Step =>
  () => {
    throw new LibkvError(code, message, details)
  }

/** The answer is lost on its way back. */
export const losesAnswer: Step = (call) => {
  call.markSent()
  throw new LibkvError('NOT_REACHABLE', 'answer lost', { retryable: true, ambiguous: true })
}

/** No server takes the request. */
export const refuses: Step = fails('NOT_REACHABLE', { retryable: true }, 'refused')

/** Never settles. */
export const hangs: Step = () => new Promise(() => undefined)

/** Goes out on the wire and is never answered. */
export const hangsSent: Step = (call) => {
  call.markSent()
  return new Promise(() => undefined)
}

/** A step that the test settles when it likes. */
export class Gate {
  readonly step: Step
  resolve!: (value?: unknown) => void
  reject!: (error: unknown) => void

  constructor(sent = false) {
    const answer = new Promise<unknown>((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    this.step = (call) => {
      if (sent) call.markSent()
      return answer
    }
  }
}

/** An entry as a driver reports it. */
export function entryOf(key: string, value: string, revision = 1n, createRevision = 1n): Entry {
  return { key, value: new TextEncoder().encode(value), revision, createRevision }
}

/** What a driver answers to a commit that went through. */
export function committed(revision = 7n, existed = true, createRevision = 3n): CommitOutcome {
  return { committed: true, revision, results: [{ existed, createRevision }] }
}

/** A driver that does what the test wrote down, and remembers what it was asked. */
export class ScriptedDriver implements Driver {
  secrets: readonly string[] = []
  readonly backend = 'scripted'
  endpoint = '10.0.0.1:2379'
  capabilities: Capabilities = {
    transactions: true,
    sessionKeysMayHaveDescendants: true,
    ttl: { min: 100, max: 1_000_000 },
    expiryFactor: 1,
    durability: 'process',
    expirySlack: 0,
  }
  /** The shortest life of a session on the server, if it is not the time asked for. */
  sessionTtl: number | undefined
  readonly requests: Request[] = []
  readonly feeds: { readonly scope: Scope; readonly observer: Observer; closed: boolean }[] = []
  closed = 0
  readonly #scripts = new Map<Method, Step[]>()

  /** Writes down what happens to the next requests of that kind; the last step stands for all that follow. */
  script(method: Method, ...steps: Step[]): this {
    this.#scripts.set(method, steps)
    return this
  }

  of(method: Method): Request[] {
    return this.requests.filter((request) => request.method === method)
  }

  read(...args: [key: string, request: unknown, call: Call]): Promise<Entry | null> {
    return this.#play('read', args) as Promise<Entry | null>
  }

  scan(...args: [prefix: string, request: unknown, call: Call]): Promise<Scan> {
    return this.#play('scan', args) as Promise<Scan>
  }

  commit(
    ...args: [checks: readonly Check[], writes: readonly Write[], call: Call]
  ): Promise<CommitOutcome> {
    return this.#play('commit', args) as Promise<CommitOutcome>
  }

  removeTree(...args: [prefix: string, ranges: readonly KeyRange[], call: Call]): Promise<number> {
    return this.#play('removeTree', args) as Promise<number>
  }

  ping(call: Call): Promise<void> {
    return this.#play('ping', [call]) as Promise<void>
  }

  async openSession(ttl: number, call: Call): Promise<DriverSession> {
    await this.#play('openSession', [ttl, call])
    return {
      id: `session-${String(this.of('openSession').length)}`,
      ttl: this.sessionTtl ?? ttl,
      renew: (renewal) => this.#play('renew', [renewal]) as Promise<void>,
      close: (closing) => this.#play('closeSession', [closing]) as Promise<void>,
    }
  }

  observe(scope: Scope, observer: Observer): Observation {
    const feed = { scope, observer, closed: false }
    this.feeds.push(feed)
    return {
      close: () => {
        feed.closed = true
      },
    }
  }

  /** Reports changes to all feeds. */
  report(revision: bigint, ...changes: readonly Change[]): void {
    for (const { observer } of this.feeds) observer.changes(changes, revision)
  }

  async close(): Promise<void> {
    this.closed++
  }

  async #play(method: Method, args: readonly unknown[]): Promise<unknown> {
    const call = args.at(-1) as Call
    const request: Request = { method, args: args.slice(0, -1), call, cancellations: 0 }
    this.requests.push(request)
    call.onCancel(() => request.cancellations++)
    const steps = this.#scripts.get(method) ?? [answers(null)]
    const step = steps[Math.min(this.of(method).length, steps.length) - 1]
    return step?.(call, request.args)
  }
}
