/**
 * What the processes of an election say, one JSON line each. Times are nanoseconds of CLOCK_MONOTONIC, which is one for all
 * processes of a machine, as decimal text.
 */
export type Line =
  /** It is in the race. */
  | { readonly what: 'ready' }
  /** The session that its candidacy hangs on. */
  | { readonly what: 'session'; readonly id: string }
  /** It asked itself whether it leads, between two readings of the clock; without a token it does not. */
  | { readonly what: 'look'; readonly from: string; readonly to: string; readonly token?: string }
  /** A write of that term was acknowledged. */
  | { readonly what: 'wrote'; readonly token: string }
  /** A write of that term was refused because the term is over. */
  | { readonly what: 'refused'; readonly token: string }

/** A time for which a process has seen itself leading, look after look. */
export interface Belief {
  readonly worker: string
  readonly token: bigint
  /** When the first look that said so was over, and when the last one began. */
  readonly from: bigint
  to: bigint
  /** The longest time between two looks. */
  silence: bigint
}

/** A write that the store took, whether or not its writer has heard of it. */
export interface Write {
  readonly token: bigint
  readonly revision: bigint
}

/** Makes beliefs of looks. A look that says no ends a belief, and so another belief of the same term is a relapse. */
export class BeliefLog {
  readonly beliefs: Belief[] = []
  readonly #open = new Map<string, Belief>()

  look(worker: string, { from, to, token }: Line & { what: 'look' }): void {
    const open = this.#open.get(worker)
    if (token === undefined) {
      this.#open.delete(worker)
      return
    }
    if (open?.token === BigInt(token)) {
      const silence = BigInt(from) - open.to
      if (silence > open.silence) open.silence = silence
      open.to = BigInt(from)
      return
    }
    // A look is at some instant within it: what is certain lies between the end of the first and the beginning of the last.
    const at = BigInt(to)
    const belief: Belief = { worker, token: BigInt(token), from: at, to: at, silence: 0n }
    this.#open.set(worker, belief)
    this.beliefs.push(belief)
  }
}
