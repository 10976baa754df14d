const SMALL = 16

/** A queue whose ends cost the same however long it is: a ring that grows. */
export class Fifo<T> {
  #ring = emptyRing<T>(SMALL)
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  push(item: T): void {
    if (this.#length === this.#ring.length) this.#restart([...this])
    this.#ring[(this.#head + this.#length++) & (this.#ring.length - 1)] = item
  }

  peek(): T | undefined {
    return this.#ring[this.#head]
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined
    const item = this.#ring[this.#head]
    this.#ring[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.#length--
    return item
  }

  /** Drops those that are not to stay. */
  filter(stays: (item: T) => boolean): void {
    this.#restart([...this].filter(stays))
  }

  /** Empties the queue. */
  drain(): T[] {
    const items = [...this]
    this.#restart([])
    return items
  }

  *[Symbol.iterator](): Generator<T> {
    for (let i = 0; i < this.#length; i++) {
      yield this.#ring[(this.#head + i) & (this.#ring.length - 1)] as T
    }
  }

  /** Holds these, and has room for one more at least. */
  #restart(items: readonly T[]): void {
    // The size is a power of two.
    let size = SMALL
    while (size <= items.length) size *= 2
    this.#ring = emptyRing(size)
    items.forEach((item, i) => (this.#ring[i] = item))
    this.#head = 0
    this.#length = items.length
  }
}

const emptyRing = <T>(size: number): (T | undefined)[] =>
  new Array<T | undefined>(size).fill(undefined)
