import type { Entry } from '@libkv/core/driver'
import type { ConsulAccess } from './consul-access.ts'
import type { ConsulClient } from './consul-client.ts'
import type { ResolvedConsulOptions } from './consul-options.ts'

/** The feed of one key, to which a directory reports what its shared query finds. */
export interface DirectoryListener {
  /** Reports the state of the key as of an index; `null` where it is absent. */
  keyChanged(entry: Entry | null, revision: bigint): void
  /** Changes may have been missed: the key has to be read again. */
  keyMayHaveChanged(): void
  /** The directory reports nothing more. */
  directoryEnded(): void
}

/** A directory whose feed reports the changes of its keys to theirs. */
export interface KeyDirectory {
  /** Whether the changes of the key will be reported to its feed from now on. */
  join(key: string, feed: DirectoryListener): boolean
  /** The feed of a key ends, whether it has joined or not. */
  leave(feed: DirectoryListener): void
}

/** What a feed needs of its store. */
export interface FeedContext {
  readonly client: ConsulClient
  readonly access: ConsulAccess
  readonly options: ResolvedConsulOptions
  /** Reserves a connection for a blocking query; false where all are in use. */
  readonly takeSlot: () => boolean
  readonly giveSlot: () => void
  /** The directory that may report the changes of the key, so that the feed need not wait for them. */
  readonly directory?: KeyDirectory | undefined
  /** The size limit of an answer, in bytes; the feed fails beyond it. */
  readonly maxBody?: () => number
  /** Whether the last changes concerned an observer. */
  readonly isWanted?: () => boolean
}
