import { BackgroundWork } from '@libkv/core/driver'
import type { Call } from '@libkv/core/driver'
import type { Timer } from '@libkv/core'
import type { ZooKeeperClient } from './client/index.ts'
import type { KnownDirectories } from './zookeeper-known-directories.ts'
import { readWithRecord } from './zookeeper-connection.ts'
import { counterOf } from './zookeeper-creation-counters.ts'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'
import { parentOf, recordOf } from './zookeeper-paths.ts'

/** How long it waits for more to do, in milliseconds: a deletion is often followed by others nearby. */
const DELAY = 100
/** The same in ms for a directory that is soon used again. If the process ends before, the servers remove the container. */
const REUSE_DELAY = 10_000

/** How often one directory is tried when others write meanwhile. */
const ATTEMPTS = 3

/**
 * Removes, in the background, directories that have become empty. One that somebody uses again meanwhile stays: it goes on
 * the condition that it is still the node that was seen to be empty and without data, and ZooKeeper removes none that has
 * children. What is left behind, by a process that ended, is invisible and is used again by the next key.
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
  /** Those of them that may be empty. */
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
   * A node is gone, and its directory may be empty.
   *
   * @param leftRecord - whether its record may still be there.
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

  /** Leaves a directory alone for a while when it becomes empty: see `transient` in the driver's `Write`. */
  expectReuse(directory: string): void {
    this.#reused.add(directory)
  }

  /** Takes no more, and resolves when what was taken is done. */
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
      await this.#removeRecord(path)
    }
    for (const directory of this.#pending) {
      this.#pending.delete(directory)
      await this.#prune(directory)
    }
  }

  /** Removes the record of a node that is gone, on the condition that no other has come in its place. */
  async #removeRecord(of: string): Promise<void> {
    await this.#inBackground(async (call) => {
      const counter = counterOf(of)
      const [[node = null, record = null], counterStat] = await Promise.all([
        readWithRecord(this.#client, of, call),
        this.#client.exists(counter, call),
      ])
      if (node !== null || record === null || counterStat === null) return
      await this.#client.multi(
        [
          { type: 'check', path: counter, version: counterStat.version },
          { type: 'delete', path: recordOf(of) },
        ],
        call,
      )
    })
  }

  /** Removes a directory, if it is empty, and then what is above it. */
  async #prune(directory: string): Promise<void> {
    await this.#inBackground(async (call) => {
      for (let path = directory; path !== '/'; path = parentOf(path)) {
        if (!(await this.#remove(path, call))) return
      }
    })
  }

  /** What is not allowed, or not reachable, stays. */
  async #inBackground(work: (call: Call) => Promise<void>): Promise<void> {
    await this.#background.run(work).catch(() => undefined)
  }

  async #remove(path: string, call: Call): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const counter = counterOf(path)
      const [[node = null, record = null], counterStat] = await Promise.all([
        readWithRecord(this.#client, path, call),
        this.#client.exists(counter, call),
      ])
      if (node === null) return true
      if (node.data !== null || node.stat.numChildren > 0 || counterStat === null) return false
      // From now on nobody here takes it for granted.
      this.#directories.forget(path)
      try {
        await this.#client.multi(
          [
            { type: 'check', path: counter, version: counterStat.version },
            { type: 'delete', path, version: node.stat.version },
            ...(record === null ? [] : [{ type: 'delete', path: recordOf(path) } as const]),
          ],
          call,
        )
        return true
      } catch {
        if (call.settled) return false
      }
    }
    return false
  }
}
