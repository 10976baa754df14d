import { parentOf } from './zookeeper-paths.ts'

const MOST = 10_000

/**
 * The directories that were there when they were last seen. What it says is a guess that a write then proves or refutes; it
 * saves the question.
 */
export class KnownDirectories {
  readonly #paths = new Set<string>()

  has(path: string): boolean {
    return path === '/' || this.#paths.has(path)
  }

  /** The node is there, so all above it are. */
  sawNode(path: string): void {
    for (let up = parentOf(path); !this.has(up); up = parentOf(up)) {
      if (this.#paths.size >= MOST) this.#paths.clear()
      this.#paths.add(up)
    }
  }

  /** What is above the node and not known to be there, the nearest first. */
  unknownAbove(path: string): string[] {
    const unknown: string[] = []
    for (let up = parentOf(path); !this.has(up); up = parentOf(up)) unknown.push(up)
    return unknown
  }

  /** The directories above the node may be gone. */
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
