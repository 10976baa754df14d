import { parentOf } from './zookeeper-paths.ts'

/** Directories held at most; beyond that all are forgotten. */
const MAX_DIRECTORIES = 10_000

/**
 * The directories that existed when they were last seen. This is a guess that saves a read: the
 * write that relies on it fails if it is wrong.
 */
export class KnownDirectories {
  readonly #paths = new Set<string>()

  has(path: string): boolean {
    return path === '/' || this.#paths.has(path)
  }

  /** The node exists, and so do all directories above it. */
  sawNode(path: string): void {
    for (let up = parentOf(path); !this.has(up); up = parentOf(up)) {
      if (this.#paths.size >= MAX_DIRECTORIES) this.#paths.clear()
      this.#paths.add(up)
    }
  }

  /** The directories above the node that are not known to exist, the nearest first. */
  unknownAbove(path: string): string[] {
    const unknown: string[] = []
    for (let up = parentOf(path); !this.has(up); up = parentOf(up)) unknown.push(up)
    return unknown
  }

  /** The directories above the node may have been deleted. */
  forgetAbove(path: string): void {
    for (let up = parentOf(path); up !== '/'; up = parentOf(up)) this.#paths.delete(up)
  }

  forget(path: string): void {
    this.#paths.delete(path)
  }

  forgetTree(root: string): void {
    const below = root === '/' ? root : `${root}/`
    for (const path of this.#paths) {
      if (path === root || path.startsWith(below)) this.#paths.delete(path)
    }
  }
}
