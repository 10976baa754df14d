import { onAbort } from '@libkv/core/recipe'
import type { Instance } from './instance.ts'
import type { InstanceList, InvalidEntry, Known, View, ViewReader } from './view.ts'

/** One state of a service, and what is different from the one before. */
export interface InstanceChange extends InstanceList {
  /** In the first state, all of them. */
  readonly added: readonly Instance[]
  /** As they are now. */
  readonly changed: readonly Instance[]
  readonly removed: readonly Instance[]
}

interface Pending {
  readonly resolve: (result: IteratorResult<InstanceChange, undefined>) => void
  readonly reject: (reason: unknown) => void
}

/** One iteration over the states of a view. A slow reader costs no memory: what it misses is merged. */
export class InstanceWatch implements AsyncIterableIterator<InstanceChange, undefined>, ViewReader {
  readonly #view: View
  readonly #signal: AbortSignal | undefined
  readonly #withdraw: (() => void) | undefined
  readonly #pending: Pending[] = []
  #delivered: { readonly known: readonly Known[]; readonly list: InstanceList } | undefined
  #ended = false
  #error: { readonly reason: unknown } | undefined

  constructor(view: View, signal: AbortSignal | undefined) {
    this.#view = view
    this.#signal = signal
    view.subscribe(this)
    this.#withdraw = signal && onAbort(signal, this.#onAbort)
    if (signal?.aborted === true) this.#onAbort()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<InstanceChange, undefined>> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ resolve, reject })
      this.changed()
    })
  }

  return(): Promise<IteratorResult<InstanceChange, undefined>> {
    this.ended(undefined)
    return Promise.resolve({ done: true, value: undefined })
  }

  changed(): void {
    while (this.#pending.length > 0) {
      if (this.#ended) {
        const error = this.#error
        this.#error = undefined
        const reader = this.#pending.shift()
        if (error === undefined) reader?.resolve({ done: true, value: undefined })
        else reader?.reject(error.reason)
        continue
      }
      const value = this.#take()
      if (value === undefined) return
      this.#pending.shift()?.resolve({ done: false, value })
    }
  }

  ended(error: { readonly reason: unknown } | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    this.#withdraw?.()
    this.#view.unsubscribe(this)
    this.changed()
  }

  readonly #onAbort = (): void => {
    this.ended({ reason: this.#signal?.reason })
  }

  /** The next state, if it differs from the one that was delivered last. */
  #take(): InstanceChange | undefined {
    if (!this.#view.isReady) return undefined
    const before = this.#delivered
    const { list, known } = this.#view
    if (before?.list === list) return undefined
    const change = { ...list, ...differences(before?.known ?? [], known) }
    this.#delivered = { known, list }
    const isNew =
      before?.list.stale !== list.stale ||
      !isSame(before.list.invalid, list.invalid) ||
      change.added.length + change.changed.length + change.removed.length > 0
    return isNew ? change : undefined
  }
}

function differences(
  before: readonly Known[],
  now: readonly Known[],
): Pick<InstanceChange, 'added' | 'changed' | 'removed'> {
  const added: Instance[] = []
  const changed: Instance[] = []
  const gone = new Map(before.map((known) => [known.key, known]))
  for (const { key, instance, content } of now) {
    const previous = gone.get(key)
    if (previous === undefined) added.push(instance)
    else if (previous.content !== content) changed.push(instance)
    gone.delete(key)
  }
  return { added, changed, removed: [...gone.values()].map(({ instance }) => instance) }
}

function isSame(a: readonly InvalidEntry[], b: readonly InvalidEntry[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ key, reason }, i) => key === b[i]?.key && reason === b[i].reason)
  )
}
