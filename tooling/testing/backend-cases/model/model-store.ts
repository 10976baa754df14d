/** A key in the model: what it holds, and which of the writes made and last wrote it. */
export interface ModelPair {
  readonly key: string
  readonly value: string
  /** The number of the write. What the store calls it instead shows when it answers. */
  readonly written: number
  readonly created: number
}

export type ModelRefusal = 'KEY_EXISTS' | 'KEY_MODIFIED' | 'KEY_NOT_FOUND'

/** The contract of a store in as few lines as it takes: a map and a counter. It knows canonical keys only. */
export class ModelStore {
  readonly keys: Map<string, ModelPair> = new Map<string, ModelPair>()
  #writes = 0

  get(key: string): ModelPair | null {
    return this.keys.get(key) ?? null
  }

  list(directory: string): ModelPair[] {
    const inside = [...this.keys.values()].filter(({ key }) => isBelow(key, directory))
    return inside.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
  }

  /** Begins a write: all that one call puts carries one number. */
  begin(): number {
    return ++this.#writes
  }

  put(key: string, value: string, written: number): ModelPair {
    const pair = { key, value, written, created: this.get(key)?.created ?? written }
    this.keys.set(key, pair)
    return pair
  }

  delete(key: string): boolean {
    return this.keys.delete(key)
  }

  deleteTree(directory: string): number {
    const doomed = this.list(directory).map(({ key }) => key)
    if (directory !== '' && this.keys.has(directory)) doomed.push(directory)
    for (const key of doomed) this.keys.delete(key)
    return doomed.length
  }

  /** Why a compare-and-set is refused, if it is. */
  refusal(key: string, previous: ModelPair | null): ModelRefusal | undefined {
    const current = this.get(key)
    if (previous === null) return current === null ? undefined : 'KEY_EXISTS'
    if (current === null) return 'KEY_NOT_FOUND'
    return isSame(current, previous) ? undefined : 'KEY_MODIFIED'
  }
}

function isBelow(key: string, directory: string): boolean {
  return directory === '' || key.startsWith(`${directory}/`)
}

function isSame(a: ModelPair, b: ModelPair): boolean {
  return a.written === b.written && a.created === b.created
}
