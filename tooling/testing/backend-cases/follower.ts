import type { KVPair, Store, TreeChange } from '@libkv/core'
import { waitFor } from '../wait-for.ts'

/** Follows a tree, and checks on the way what a watch promises: nothing twice, and revisions that never go back. */
export class Follower {
  /** All changes that were delivered, by key. */
  readonly changes: Map<string, TreeChange[]> = new Map()
  readonly violations: string[] = []
  state: readonly KVPair[] | undefined
  error: unknown
  readonly #controller = new AbortController()
  readonly #done: Promise<void>

  constructor(store: Store, directory: string) {
    this.#done = this.#run(store, directory)
  }

  async #run(store: Store, directory: string): Promise<void> {
    const revisions = new Map<string, bigint>()
    let revision = 0n
    try {
      for await (const tree of store.watchTree(directory, { signal: this.#controller.signal })) {
        if (tree.revision < revision) this.violations.push('the revision went back')
        revision = tree.revision
        for (const change of tree.changes) {
          const seen = revisions.get(change.key) ?? 0n
          const now = change.pair?.revision ?? seen + 1n
          if (now <= seen) this.violations.push(`${change.key} came twice, at ${String(now)}`)
          revisions.set(change.key, now)
          this.changes.set(change.key, [...(this.changes.get(change.key) ?? []), change])
        }
        this.state = tree.pairs
      }
    } catch (error) {
      if (!this.#controller.signal.aborted) this.error = error
    }
  }

  /** Resolves when the first state is there. */
  async started(): Promise<this> {
    await waitFor(() => this.state !== undefined, { what: 'the first state' })
    return this
  }

  /** Resolves when the tree that is followed has exactly these keys. */
  async has(keys: readonly string[]): Promise<void> {
    const wanted = [...keys].sort().join()
    const isThere = (): boolean =>
      (this.state ?? [])
        .map(({ key }) => key)
        .sort()
        .join() === wanted
    await waitFor(isThere, { what: `a follower to see ${String(keys.length)} keys` })
  }

  async stop(): Promise<void> {
    this.#controller.abort()
    await this.#done
    if (this.error !== undefined) throw this.error as Error
  }
}
