import { BackgroundWork } from '@libkv/core/driver'
import type { Call } from '@libkv/core/driver'
import type { Timer } from '@libkv/core'
import type { ZooKeeperClient } from './client/index.ts'
import type { KnownDirectories } from './known-directories.ts'
import { readBoth } from './zookeeper-connection.ts'
import { guardOf } from './zookeeper-guards.ts'
import type { ResolvedZooKeeperOptions } from './zookeeper-options.ts'
import { isLockLine, parentOf, recordOf } from './zookeeper-paths.ts'

/** How long it waits for more to do, in milliseconds: a deletion is often followed by others nearby. */
const DELAY = 100
/** The same for the line of a lock, which is often used again. If the process ends before, the servers see to it. */
const DELAY_OF_LINES = 10_000

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
  readonly #lines = new Set<string>()
  #timer: Timer | undefined
  #timerOfLines: Timer | undefined
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
    if (isLockLine(directory)) {
      this.#lines.add(directory)
      this.#timerOfLines ??= this.#workAfter(DELAY_OF_LINES, () => {
        this.#timerOfLines = undefined
        this.#takeLines()
      })
    } else {
      this.#pending.add(directory)
      this.#timer ??= this.#workAfter(DELAY, () => {
        this.#timer = undefined
      })
    }
  }

  /** Takes no more, and resolves when what was taken is done. */
  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    this.#timerOfLines?.cancel()
    this.#takeLines()
    await this.#work()
  }

  #takeLines(): void {
    for (const line of this.#lines) this.#pending.add(line)
    this.#lines.clear()
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
      const guard = guardOf(of)
      const [[node = null, record = null], guardStat] = await Promise.all([
        readBoth(this.#client, of, call),
        this.#client.exists(guard, call),
      ])
      if (node !== null || record === null || guardStat === null) return
      await this.#client.multi(
        [
          { type: 'check', path: guard, version: guardStat.version },
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
      const guard = guardOf(path)
      const [[node = null, record = null], guardStat] = await Promise.all([
        readBoth(this.#client, path, call),
        this.#client.exists(guard, call),
      ])
      if (node === null) return true
      if (node.data !== null || node.stat.numChildren > 0 || guardStat === null) return false
      // From now on nobody here takes it for granted.
      this.#directories.forget(path)
      try {
        await this.#client.multi(
          [
            { type: 'check', path: guard, version: guardStat.version },
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
