import { TextDecoder } from 'node:util'
import type { Entry } from '../driver-kit/driver.ts'
import type { LockContext } from './lock-context.ts'
import type { CallOptions } from '../contract/call-options.ts'
import type { LockContender } from '../contract/lock.ts'

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * Who holds a lock or waits for it, at one moment. Each contender is a key of its own in the lock's directory; one key more
 * may name a contender whose turn comes before that of all others, for as long as it is in line.
 */
export class LockLine {
  /** In the order of their turns. */
  readonly order: readonly Entry[]
  /** The key that names whose turn it is out of turn. What it names may be gone. */
  readonly naming: Entry | null
  /** The id of the contender that is named. */
  readonly named: string | undefined
  readonly #directory: string

  private constructor(directory: string, entries: readonly Entry[], naming: Entry | null) {
    this.#directory = directory
    this.naming = naming
    this.named = naming === null ? undefined : utf8.decode(naming.value)
    const key = namingKey(directory)
    const isNamed = (entry: Entry): boolean => this.idOf(entry) === this.named
    this.order = entries
      .filter((entry) => entry.key !== key)
      .sort((a, b) => Number(isNamed(b)) - Number(isNamed(a)) || compare(a, b))
  }

  /** Reads the line; what contenders and the lock itself show is read only with `values`. */
  static async read(
    context: LockContext,
    key: string,
    values: boolean,
    options: CallOptions,
  ): Promise<LockLine> {
    const directory = directoryOf(context, key)
    const fields = values ? 'all' : 'revisions'
    const request = { consistency: 'linearizable', fields } as const
    const { calls, driver } = context
    return calls.run({ operation: 'lock', key, repeatable: true }, options, async (call) => {
      const { entries } = await driver.scan(directory, request, call)
      let naming = entries.find((entry) => entry.key === namingKey(directory)) ?? null
      if (naming !== null && !values) {
        naming = await driver.read(naming.key, { ...request, fields: 'all' }, call)
      }
      return new LockLine(directory, entries, naming)
    })
  }

  /** Reads only who is there, which takes least where many are. */
  static async keys(
    context: LockContext,
    key: string,
    options: CallOptions,
  ): Promise<ReadonlySet<string>> {
    const directory = directoryOf(context, key)
    const request = { consistency: 'linearizable', fields: 'keys', flat: true } as const
    const { entries } = await context.calls.run(
      { operation: 'lock', key, repeatable: true },
      options,
      (call) => context.driver.scan(directory, request, call),
    )
    return new Set(entries.map((entry) => entry.key))
  }

  idOf({ key }: Entry): string {
    return key.slice(this.#directory.length)
  }

  get contenders(): LockContender[] {
    return this.order.map((entry) => ({
      id: this.idOf(entry),
      value: entry.value,
      text: () => utf8.decode(entry.value),
    }))
  }
}

/** Where the contenders of a lock are: the key is one segment, so that the lines of `a` and `a/b` do not meet. */
export function directoryOf(context: LockContext, key: string): string {
  const segment = key.replaceAll('%', '%25').replaceAll('/', '%2F')
  return context.keyspace.reserved(`lock/${segment}/`)
}

/** No contender is called like this. */
export const namingKey = (directory: string): string => `${directory}next`

const compare = (a: Entry, b: Entry): number => (a.createRevision < b.createRevision ? -1 : 1)
