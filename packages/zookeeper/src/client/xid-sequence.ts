const LAST = 2 ** 31 - 1

/** The numbers of requests: positive, and from the start again after the last. Others have meanings of their own. */
export class XidSequence {
  #last: number

  constructor(last = 0) {
    this.#last = last
  }

  next(): number {
    this.#last = this.#last === LAST ? 1 : this.#last + 1
    return this.#last
  }
}
