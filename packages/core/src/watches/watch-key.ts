import type { Change, Entry } from '../driver-kit/driver.ts'
import type { KVPair } from '../contract/key-value-pair.ts'
import type { Keyspace } from '../store/keyspace.ts'
import type { CallOptions } from '../contract/call-options.ts'
import { Watch } from './watch.ts'
import type { WatchContext } from './watch.ts'

/** The states of one key. */
export class KeyWatch extends Watch<KVPair | null> {
  protected override readonly operation = 'watch'
  readonly #keyspace: Keyspace
  #latest: Entry | null | undefined
  #delivered: Entry | null | undefined

  constructor(
    context: WatchContext,
    keyspace: Keyspace,
    key: string,
    options: CallOptions | undefined,
  ) {
    super(context, key, options)
    this.#keyspace = keyspace
  }

  override snapshot(entries: readonly Entry[]): void {
    this.#latest = entries[0] ?? null
    this.arrived()
  }

  override changes(changes: readonly Change[]): void {
    const last = changes.at(-1)
    if (last === undefined) return
    this.#latest = last.type === 'put' ? last.entry : null
    this.arrived()
  }

  protected override take(): KVPair | null | undefined {
    const state = this.#latest
    if (state === undefined || isSame(state, this.#delivered)) return undefined
    this.#delivered = state
    return state === null ? null : this.#keyspace.pairOfShared(state)
  }
}

function isSame(a: Entry | null, b: Entry | null | undefined): boolean {
  if (a === null || b === null || b === undefined) return a === b
  return a.revision === b.revision && a.createRevision === b.createRevision
}
