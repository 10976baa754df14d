import type { Call, Entry } from '@libkv/core/driver'
import type { NodeData, Stat, ZooKeeperClient } from './client/index.ts'
import { creationOf, isDirectoryAcl, mayHaveRecord } from './zookeeper-creation-records.ts'
import type { Creation } from './zookeeper-creation-records.ts'
import { recordOf } from './zookeeper-paths.ts'
import { SharedBarrier } from './zookeeper-read-barrier.ts'
import type { PendingBarrier, ReadBarrier } from './zookeeper-read-barrier.ts'

/** A key's node, with all that determines its create revision. */
export interface NodeHistory {
  readonly node: NodeData | null
  readonly record: NodeData | null
  /** Whether the node was created as a directory node. */
  readonly wasDirectory: boolean
  /** Undefined where there is no key. */
  readonly creation: Creation | undefined
}

/** A client, and the reads of keys with it. */
export class ZooKeeperConnection {
  readonly client: ZooKeeperClient
  /** Whether a read behind {@link catchUp} may be stale. */
  readonly mayLag: boolean
  readonly #barrier: SharedBarrier
  readonly #sync: SharedBarrier

  constructor(client: ZooKeeperClient, barrier: ReadBarrier) {
    this.client = client
    this.mayLag = barrier !== 'sync'
    this.#barrier = new SharedBarrier(client, barrier)
    this.#sync = new SharedBarrier(client, 'sync')
  }

  /** Makes the reads that follow linearizable, up to the next `await`. */
  barrier(call: Call): PendingBarrier {
    return this.#barrier.begin(call)
  }

  /** Makes the reads that follow, up to the next `await`, as fresh as a `sync` can. */
  catchUp(call: Call): PendingBarrier {
    return this.#sync.begin(call)
  }

  /** Reads a key. */
  async read(key: string, path: string, linearizable: boolean, call: Call): Promise<Entry | null> {
    if (linearizable && this.#barrier.turn !== undefined) await this.#barrier.turn
    const barrier = linearizable ? this.barrier(call) : undefined
    const node = await this.client.get(path, call)
    barrier?.check()
    if (!isKey(node)) return null
    if (!mayHaveRecord(node.stat)) return entryOf(key, node, node.stat.czxid)
    const history = await this.history(path, call)
    return isKey(history.node) && history.creation !== undefined
      ? entryOf(key, history.node, history.creation.revision)
      : null
  }

  /** Reads a node with its creation record and its ACL. */
  async history(path: string, call: Call): Promise<NodeHistory> {
    for (;;) {
      const [[node = null, record = null], acl] = await Promise.all([
        readWithRecord(this.client, path, call),
        this.client.getAcl(path, call),
      ])
      const wasDirectory = acl !== null && isDirectoryAcl(acl.acl)
      if (!isKey(node)) return { node, record, wasDirectory, creation: undefined }
      // The node and its ACL were read one after the other: the node may have been replaced in
      // between.
      if (acl?.stat.czxid !== node.stat.czxid) continue
      return { node, record, wasDirectory, creation: creationOf(node.stat, record, wasDirectory) }
    }
  }
}

/** Reads a node and its creation record at one position of the history. */
export async function readWithRecord(
  client: ZooKeeperClient,
  path: string,
  call: Call,
): Promise<(NodeData | null)[]> {
  const reads = [path, recordOf(path)].map((one) => ({ type: 'get', path: one }) as const)
  return (await client.multiRead(reads, call)).map(nodeOf)
}

/** The node in an answer of `multiRead`. */
export function nodeOf(
  result: Awaited<ReturnType<ZooKeeperClient['multiRead']>>[number],
): NodeData | null {
  if (result === null) return null
  if (result instanceof Error) throw result
  if (result.type !== 'get') throw new TypeError('expected the result of a get')
  return result
}

/** Whether a node is a key: one without data is a directory node. */
export function isKey(node: NodeData | null): node is NodeData & { readonly data: Uint8Array } {
  return node !== null && node.data !== null
}

export function entryOf(
  key: string,
  { data, stat }: { readonly data: Uint8Array; readonly stat: Stat },
  createRevision: bigint,
): Entry {
  const binding = stat.ephemeralOwner === 0n ? undefined : 'lease'
  return { key, value: data, revision: stat.mzxid, createRevision, binding }
}
