import { TextDecoder } from 'node:util'
import type { LockContender } from '../contract/lock.ts'
import type { Entry } from '../driver-kit/driver.ts'

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * The contenders of a lock at one moment: the holder or the next holder first, then those that
 * wait.
 */
export class QueueSnapshot {
  /** The entries in the order in which they acquire the lock. */
  readonly order: readonly Entry[]
  /** The successor key, or `null` if it is absent. */
  readonly successorEntry: Entry | null
  /** The id in the successor key. A contender with that id may have left the queue. */
  readonly successorId: string | undefined
  readonly #directory: string

  /**
   * @param directory - the prefix of the entries' keys; the rest of a key is the contender's id.
   * @param entries - one for each contender, in any order.
   */
  constructor(directory: string, entries: readonly Entry[], successorEntry: Entry | null) {
    this.#directory = directory
    this.successorEntry = successorEntry
    this.successorId = successorEntry === null ? undefined : utf8.decode(successorEntry.value)
    const isSuccessor = (entry: Entry): boolean => this.idOf(entry) === this.successorId
    this.order = [...entries].sort(
      (a, b) => Number(isSuccessor(b)) - Number(isSuccessor(a)) || compare(a, b),
    )
  }

  /** The id of the contender that an entry belongs to. */
  idOf({ key }: Entry): string {
    return key.slice(this.#directory.length)
  }

  /** The contenders in the order of the queue, as `Locker.contenders()` returns them. */
  get contenders(): LockContender[] {
    return this.order.map((entry) => ({
      id: this.idOf(entry),
      value: entry.value,
      text: () => utf8.decode(entry.value),
    }))
  }
}

const compare = (a: Entry, b: Entry): number => (a.createRevision < b.createRevision ? -1 : 1)
