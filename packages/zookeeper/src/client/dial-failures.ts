/** How many servers a summary names. */
const MOST_NAMED = 3

/** The reasons why no server has granted or resumed the session since it was connected last. */
export class DialFailures {
  /** The latest reason of each server, the most recent one last. */
  readonly #reasons = new Map<string, string>()

  add(server: string, reason: string): void {
    this.#reasons.delete(server)
    this.#reasons.set(server, reason)
  }

  clear(): void {
    this.#reasons.clear()
  }

  /** The reasons as one line, the most recent one first; undefined where there is none. */
  get summary(): string | undefined {
    if (this.#reasons.size === 0) return undefined
    const reasons = [...this.#reasons.values()].reverse()
    const more = reasons.length - MOST_NAMED
    return [...reasons.slice(0, MOST_NAMED), ...(more > 0 ? [`and ${more} more`] : [])].join('; ')
  }
}
