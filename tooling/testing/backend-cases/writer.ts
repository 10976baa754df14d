import type { KVPair, Store } from '@libkv/core'

/** Writes keys one after the other in the background, and tries each until it is certainly there. */
export class Writer {
  readonly written: string[] = []
  #stopped = false
  readonly #done: Promise<void>

  constructor(store: Store, directory: string) {
    this.#done = this.#run(store, directory)
  }

  async #run(store: Store, directory: string): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const key = `${directory}/${String(i)}`
      const put = (): Promise<KVPair> => store.put(key, String(i), { timeout: 2_000 })
      // An ambiguous put is repeated: these keys do not mind.
      while (
        !(await put().then(
          () => true,
          () => false,
        ))
      );
      this.written.push(key)
    }
  }

  async stop(): Promise<readonly string[]> {
    this.#stopped = true
    await this.#done
    return this.written
  }
}
