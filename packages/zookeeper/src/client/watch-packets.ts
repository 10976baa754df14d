import type { JuteReader } from './jute-reader.ts'
import type { JuteWriter } from './jute-writer.ts'
import type { Paths } from './paths.ts'
import { writeStrings } from './records.ts'
import type { WatchEvent } from './watch-event.ts'
import type { Watches, WatchKind } from './watches.ts'

// org.apache.zookeeper.Watcher.Event.EventType
const TYPES: Readonly<Record<number, WatchEvent['type']>> = {
  1: 'created',
  2: 'deleted',
  3: 'changed',
  4: 'childrenChanged',
}

/** Reads a WatcherEvent; undefined for what is no news of a node. */
export function readWatchEvent(
  reader: JuteReader,
  zxid: bigint,
  paths: Paths,
): WatchEvent | undefined {
  const type = TYPES[reader.int()]
  reader.int()
  const path = paths.inClient(reader.string())
  return type && { type, path, zxid: zxid > 0n ? zxid : undefined }
}

/** One SetWatches or SetWatches2. */
export interface WatchPacket {
  readonly opcode: number
  readonly encode: (writer: JuteWriter) => void
}

const SIMPLE: readonly WatchKind[] = ['data', 'exist', 'child']
const ALL: readonly WatchKind[] = [...SIMPLE, 'persistent', 'persistentRecursive']

// As in org.apache.zookeeper.ClientCnxn: well below the limit of servers, which is 1 MB.
const ENOUGH = 128 * 1024

/** What a new connection of the session has to send so that the watches are in force again. */
export function* watchPackets(
  watches: Watches,
  paths: Paths,
  zxid: bigint,
): Generator<WatchPacket> {
  let lists = emptyLists()
  let size = 0
  for (const kind of ALL) {
    for (const path of watches.paths(kind)) {
      const onServer = paths.onServer(path)
      lists[kind].push(onServer)
      size += 4 + Buffer.byteLength(onServer)
      if (size < ENOUGH) continue
      yield packet(lists, zxid)
      lists = emptyLists()
      size = 0
    }
  }
  if (size > 0) yield packet(lists, zxid)
}

type Lists = Record<WatchKind, string[]>

const emptyLists = (): Lists => ({
  data: [],
  exist: [],
  child: [],
  persistent: [],
  persistentRecursive: [],
})

function packet(lists: Lists, zxid: bigint): WatchPacket {
  // Servers before 3.6 know neither persistent watches nor the packet for them.
  const isSimple = lists.persistent.length + lists.persistentRecursive.length === 0
  return {
    opcode: isSimple ? 101 : 105,
    encode(writer) {
      writer.long(zxid)
      for (const kind of isSimple ? SIMPLE : ALL) writeStrings(writer, lists[kind])
    },
  }
}
