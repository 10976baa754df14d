import type { Timer } from '@libkv/core'
import { BackgroundWork } from '@libkv/core/driver'
import type { Call } from '@libkv/core/driver'
import type { MultiOperation, NodeData, ZooKeeperClient } from './client/index.ts'
import { readWithRecord } from './zookeeper-connection.ts'
import { counterOf } from './zookeeper-creation-counters.ts'
import type { KnownDirectories } from './zookeeper-known-directories.ts'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'
import { parentOf, recordOf } from './zookeeper-paths.ts'

/** Delay in ms: a deletion is often followed by others nearby. */
const DELAY = 100
/** Delay in ms for directories of transient keys; the servers remove those left over. */
const REUSE_DELAY = 10_000

/** Attempts to remove one directory while others write. */
const ATTEMPTS = 3

/**
 * Removes empty directories and leftover creation records in the background. A directory is deleted
 * only if it is still the node that was read as empty and without data, and ZooKeeper deletes no
 * node with children, so one that is used again stays. Directories left behind by a process that
 * ended are invisible, and the next key uses them again.
 */
export class Housekeeping {
  readonly #client: ZooKeeperClient
  readonly #options: ResolvedZooKeeperOptions
  readonly #directories: KnownDirectories
  readonly #background: BackgroundWork
  readonly #pending = new Set<string>()
  readonly #records = new Set<string>()
  /** Directories of transient keys. */
  readonly #reused = new Set<string>()
  /** Those of them that may be empty now. */
  readonly #resting = new Set<string>()
  #timer: Timer | undefined
  #restTimer: Timer | undefined
  #working: Promise<void> | undefined
  #closed = false

  constructor(
    client: ZooKeeperClient,
    options: ResolvedZooKeeperOptions,
    directories: KnownDirectories,
  ) {
    this.#client = client
    this.#options = options
    this.#directories = directories
    this.#background = new BackgroundWork(options)
  }

  /**
   * Call when a node was deleted: its directory may be empty.
   *
   * @param leftRecord - whether its creation record may still exist.
   */
  removed(path: string, leftRecord = false): void {
    const directory = parentOf(path)
    if (this.#closed || (directory === '/' && !leftRecord)) return
    if (leftRecord) this.#records.add(path)
    if (this.#reused.has(directory)) {
      this.#resting.add(directory)
      this.#restTimer ??= this.#workAfter(REUSE_DELAY, () => {
        this.#restTimer = undefined
        this.#takeResting()
      })
    } else {
      this.#pending.add(directory)
      this.#timer ??= this.#workAfter(DELAY, () => {
        this.#timer = undefined
      })
    }
  }

  /** Keeps a directory for a while when it becomes empty: see `Write.transient`. */
  expectReuse(directory: string): void {
    this.#reused.add(directory)
  }

  /** Accepts no more work, and resolves when the pending work is done. */
  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    this.#restTimer?.cancel()
    this.#takeResting()
    await this.#work()
  }

  #takeResting(): void {
    for (const directory of this.#resting) {
      this.#pending.add(directory)
      this.#reused.delete(directory)
    }
    this.#resting.clear()
  }

  #workAfter(delay: number, begin: () => void): Timer {
    return this.#options.runtime.setTimer(
      () => {
        begin()
        void this.#work()
      },
      delay,
      false,
    )
  }

  #work(): Promise<void> {
    return (this.#working ??= this.#workOff().finally(() => {
      this.#working = undefined
    }))
  }

  async #workOff(): Promise<void> {
    for (const path of this.#records) {
      this.#records.delete(path)
      await this.#inBackground((call) => this.#removeRecord(path, call))
    }
    for (const directory of this.#pending) {
      this.#pending.delete(directory)
      await this.#inBackground((call) => this.#prune(directory, call))
    }
  }

  /** Runs work that may fail: a node that may not be deleted, or is out of reach, stays. */
  async #inBackground(work: (call: Call) => Promise<void>): Promise<void> {
    await this.#background.run(work).catch(() => undefined)
  }

  /** Removes the creation record of a node that was deleted, unless the node was created again. */
  async #removeRecord(of: string, call: Call): Promise<void> {
    const { node, record, unchanged } = await this.#read(of, call)
    if (node !== null || record === null || unchanged === undefined) return
    await this.#client.multi([unchanged, { type: 'delete', path: recordOf(of) }], call)
  }

  /** Removes a directory if it is empty, and then those above it. */
  async #prune(directory: string, call: Call): Promise<void> {
    for (let path = directory; path !== '/'; path = parentOf(path)) {
      if (!(await this.#remove(path, call))) return
    }
  }

  async #remove(path: string, call: Call): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS && !call.settled; attempt++) {
      const { node, record, unchanged } = await this.#read(path, call)
      if (node === null) return true
      if (node.data !== null || node.stat.numChildren > 0 || unchanged === undefined) return false
      // No write of this store relies on the directory any more.
      this.#directories.forget(path)
      const operations: MultiOperation[] = [
        unchanged,
        { type: 'delete', path, version: node.stat.version },
      ]
      if (record !== null) operations.push({ type: 'delete', path: recordOf(path) })
      try {
        await this.#client.multi(operations, call)
        return true
      } catch {
        // Another writer was faster.
      }
    }
    return false
  }

  /** Reads a node, its creation record, and the condition that neither is created again. */
  async #read(path: string, call: Call): Promise<Removable> {
    const counter = counterOf(path)
    const [[node = null, record = null], stat] = await Promise.all([
      readWithRecord(this.#client, path, call),
      this.#client.exists(counter, call),
    ])
    const unchanged = stat && ({ type: 'check', path: counter, version: stat.version } as const)
    return { node, record, unchanged: unchanged ?? undefined }
  }
}

interface Removable {
  readonly node: NodeData | null
  readonly record: NodeData | null
  /** Undefined without a creation counter: nothing was created by this library. */
  readonly unchanged: MultiOperation | undefined
}
