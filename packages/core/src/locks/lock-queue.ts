import type { CallOptions } from '../contract/call-options.ts'
import type { Call, Check, CommitOutcome, Entry, Write } from '../driver-kit/driver.ts'
import type { LockContext } from './lock-context.ts'
import { lockQueueDirectory } from './lock-queue-directory.ts'
import { QueueSnapshot } from './queue-snapshot.ts'

/**
 * The queue of one lock: a directory with one entry for each contender, ordered by create revision,
 * and the successor key, which may put one contender before all others for as long as it is in the
 * queue. All requests about the keys of a lock are made here, except those of a holder about the
 * lock's key.
 */
export class LockQueue {
  /** The lock's key without the namespace. */
  readonly key: string
  /** The lock's key with the namespace. Creating it acquires the lock. */
  readonly lockKey: string
  /** The key whose value is the id of a chosen successor. Entry keys differ: they end in UUIDs. */
  readonly successorKey: string
  readonly #context: LockContext
  readonly #directory: string

  constructor(context: LockContext, key: string) {
    this.#context = context
    this.key = key
    this.lockKey = context.keyspace.full(key)
    this.#directory = context.keyspace.prefix(lockQueueDirectory(key))
    this.successorKey = `${this.#directory}next`
  }

  /** The key of a contender's entry. */
  entryKey(id: string): string {
    return this.#directory + id
  }

  /** Reads the queue. The values of the entries are read only with `all`. */
  read(fields: 'all' | 'revisions', options: CallOptions): Promise<QueueSnapshot> {
    const { driver } = this.#context
    const request = { consistency: 'linearizable', fields } as const
    return this.#run('lock', options, async (call) => {
      const { entries } = await driver.scan(this.#directory, request, call)
      let successorEntry = entries.find(({ key }) => key === this.successorKey) ?? null
      if (successorEntry !== null && fields !== 'all') {
        successorEntry = await driver.read(this.successorKey, { ...request, fields: 'all' }, call)
      }
      const contenders = entries.filter(({ key }) => key !== this.successorKey)
      return new QueueSnapshot(this.#directory, contenders, successorEntry)
    })
  }

  /** Lists the keys in the queue's directory, the cheapest read of a long queue. */
  async listKeys(options: CallOptions): Promise<ReadonlySet<string>> {
    const { driver } = this.#context
    const request = { consistency: 'linearizable', fields: 'keys', flat: true } as const
    const { entries } = await this.#run('lock', options, (call) =>
      driver.scan(this.#directory, request, call),
    )
    return new Set(entries.map(({ key }) => key))
  }

  /** Reads the lock's key, without its value. */
  readLockKey(options: CallOptions): Promise<Entry | null> {
    const { driver } = this.#context
    const request = { consistency: 'linearizable', fields: 'revisions' } as const
    return this.#run('lock', options, (call) => driver.read(this.lockKey, request, call))
  }

  /** Commits writes to the keys of the lock. With `unlock`, also while the store closes. */
  commit(
    operation: 'lock' | 'unlock',
    checks: readonly Check[],
    writes: readonly Write[],
    options: CallOptions,
  ): Promise<CommitOutcome> {
    const { driver } = this.#context
    return this.#run(operation, options, (call) => driver.commit(checks, writes, call))
  }

  /** Runs a request that may be repeated: a second write fails its checks or changes nothing. */
  #run<T>(
    operation: 'lock' | 'unlock',
    options: CallOptions,
    attempt: (call: Call) => Promise<T>,
  ): Promise<T> {
    const whileClosing = operation === 'unlock'
    const description = { operation, key: this.key, repeatable: true, whileClosing }
    return this.#context.calls.run(description, options, attempt)
  }
}
