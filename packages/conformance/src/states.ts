import assert from 'node:assert/strict'
import { rejection } from './refusal.ts'
import { within } from './wait-for.ts'

/** Reads a watch state by state, never waiting for ever. */
export class States<T> implements AsyncDisposable {
  readonly #iterator: AsyncIterator<T>

  constructor(watch: AsyncIterable<T>) {
    this.#iterator = watch[Symbol.asyncIterator]()
  }

  /** The next state. */
  async next(): Promise<T> {
    const result = await within('the next state', this.#iterator.next())
    if (result.done === true) return assert.fail('the watch has ended')
    return result.value
  }

  /** Asks for the next state without a limit on the wait. */
  ask(): Promise<IteratorResult<T>> {
    return this.#iterator.next()
  }

  /** Reads on until a state is as wanted, and gives all that came, that one last. */
  async until(isWanted: (state: T) => boolean): Promise<[T, ...T[]]> {
    const seen: [T, ...T[]] = [await this.next()]
    let last = seen[0]
    while (!isWanted(last)) seen.push((last = await this.next()))
    return seen
  }

  /** Checks that the watch has ended without an error. */
  async end(): Promise<void> {
    const { done } = await within('the end of the watch', this.#iterator.next())
    assert.equal(done, true, 'the watch should have ended')
  }

  /** What the watch fails with. */
  failure(): Promise<unknown> {
    return rejection(this.#iterator.next(), 'the failure of the watch')
  }

  /** Ends the watch as `break` does. */
  async stop(): Promise<void> {
    await within('the return of the iterator', Promise.resolve(this.#iterator.return?.()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
