import { openSync, writeSync } from 'node:fs'

/** The machine's monotonic clock, in nanoseconds: the same for all of its processes. */
export const clock = (): bigint => process.hrtime.bigint()

/**
 * What a candidate's process leaves behind, written at once and synchronously, so that a process that is killed loses nothing.
 * As long as it believes in the same term its last line is written anew, in place, with the time of each look.
 */
export class CandidateLog {
  readonly #file: number
  #end = 0
  #belief: { readonly token: bigint; readonly from: bigint; readonly position: number } | undefined

  constructor(path: string) {
    this.#file = openSync(path, 'w')
  }

  /** It looked at that time and saw itself lead with this token, or not lead. */
  look(at: bigint, token: bigint | undefined): void {
    const belief = this.#belief
    if (token !== undefined && token === belief?.token) {
      this.#write(line('belief', token, belief.from, at), belief.position)
      return
    }
    if (belief !== undefined) this.#append(line('denial', belief.token, at))
    this.#belief = token === undefined ? undefined : { token, from: at, position: this.#end }
    if (token !== undefined) this.#append(line('belief', token, at, at))
  }

  get believes(): boolean {
    return this.#belief !== undefined
  }

  /** A fenced write to that key was refused because its term is over. */
  refused(key: string): void {
    this.#append(line('refused', key))
  }

  #append(text: string): void {
    this.#write(text, this.#end)
    this.#end += text.length
  }

  #write(text: string, position: number): void {
    writeSync(this.#file, text, position)
  }
}

/** Numbers have a fixed width, since lines are written over. */
const line = (...fields: readonly (string | bigint)[]): string =>
  `${fields.map((field) => (typeof field === 'bigint' ? String(field).padStart(20, '0') : field)).join(' ')}\n`
