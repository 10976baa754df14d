import type { JuteReader } from './jute-reader.ts'
import type { JuteWriter } from './jute-writer.ts'
import type { Paths } from './paths.ts'
import type { WatchListener } from './watch-event.ts'
import type { WatchKind } from './watches.ts'
import type { ZxidClock } from './zxid-clock.ts'

/** What every request carries. */
export interface Target {
  /** What the request is about, for errors and watches. */
  readonly path?: string | undefined
  readonly listener?: WatchListener | undefined
}

/** A kind of request: what it looks like on the wire, and what its answer does. */
export interface Operation<Q extends Target, A> {
  /** org.apache.zookeeper.ZooDefs.OpCode */
  readonly opcode: number
  /** What errors call it. */
  readonly name: string
  /** Whether it changes anything on the server. */
  readonly writes?: boolean
  /** Resolves to null where there is no node. */
  readonly nullable?: boolean
  /** The watch that the listener gets. */
  readonly watch?: WatchKind
  /** The same if there is no node. */
  readonly watchAbsent?: WatchKind
  encode(writer: JuteWriter, request: Q, paths: Paths): void
  /** @param zxid - of the answer; for a write, its own */
  decode(reader: JuteReader, request: Q, paths: Paths, zxid: ZxidClock): A
}
