import type { Call, Entry } from '@libkv/core/driver'
import { birthOf, isMarked, mayDiffer } from './zookeeper-births.ts'
import type { Birth } from './zookeeper-births.ts'
import type { NodeData, Stat, ZooKeeperClient } from './client/index.ts'
import { SharedBarrier } from './read-barrier.ts'
import type { PendingBarrier, ReadBarrier } from './read-barrier.ts'
import { errorOf } from './zookeeper-errors.ts'
import { recordOf } from './zookeeper-paths.ts'

/** A key's node, with all that tells when the key came into being. */
export interface NodeHistory {
  readonly node: NodeData | null
  readonly record: NodeData | null
  /** Whether the node was made as a directory. */
  readonly isMarked: boolean
  /** Undefined where there is no key. */
  readonly birth: Birth | undefined
}

/** A client, and how keys are read with it. */
export class ZooKeeperConnection {
  readonly client: ZooKeeperClient
  /** Whether what is read behind {@link catchUp} may be behind what others have been told. */
  readonly mayLag: boolean
  readonly #barrier: SharedBarrier
  readonly #sync: SharedBarrier

  constructor(client: ZooKeeperClient, barrier: ReadBarrier) {
    this.client = client
    this.mayLag = barrier !== 'sync'
    this.#barrier = new SharedBarrier(client, barrier)
    this.#sync = new SharedBarrier(client, 'sync')
  }

  /** Makes the reads that follow, before anything is awaited, linearizable. */
  barrier(call: Call): PendingBarrier {
    return this.#barrier.begin(call)
  }

  /** Makes the reads that follow, before anything is awaited, as new as they can be without a word to the other servers. */
  catchUp(call: Call): PendingBarrier {
    return this.#sync.begin(call)
  }

  /**
   * Reads a key.
   *
   * @throws LibkvError
   */
  async read(key: string, path: string, linearizable: boolean, call: Call): Promise<Entry | null> {
    try {
      if (linearizable && this.#barrier.turn !== undefined) await this.#barrier.turn
      const barrier = linearizable ? this.barrier(call) : undefined
      const node = await this.client.get(path, call)
      barrier?.check()
      if (!isKey(node)) return null
      if (!mayDiffer(node.stat)) return entryOf(key, node, node.stat.czxid)
      const history = await this.history(path, call)
      return isKey(history.node) && history.birth !== undefined
        ? entryOf(key, history.node, history.birth.revision)
        : null
    } catch (error) {
      throw errorOf(error)
    }
  }

  /** Reads a node with its record and its mark. */
  async history(path: string, call: Call): Promise<NodeHistory> {
    for (;;) {
      const [[node = null, record = null], acl] = await Promise.all([
        readBoth(this.client, path, call),
        this.client.getAcl(path, call),
      ])
      const marked = acl !== null && isMarked(acl.acl)
      if (!isKey(node)) return { node, record, isMarked: marked, birth: undefined }
      // They were read one after the other, and another node may have come between them.
      if (acl?.stat.czxid !== node.stat.czxid) continue
      return { node, record, isMarked: marked, birth: birthOf(node.stat, record, marked) }
    }
  }
}

/** Reads a node and its record at one position of the history. */
export async function readBoth(
  client: ZooKeeperClient,
  path: string,
  call: Call,
): Promise<(NodeData | null)[]> {
  const reads = [path, recordOf(path)].map((one) => ({ type: 'get', path: one }) as const)
  return (await client.multiRead(reads, call)).map(nodeOf)
}

/** The node that a read of many found. */
export function nodeOf(
  result: Awaited<ReturnType<ZooKeeperClient['multiRead']>>[number],
): NodeData | null {
  if (result === null) return null
  if (result instanceof Error) throw result
  if (result.type !== 'get') throw new TypeError('that was no read of a node')
  return result
}

/** Whether a node is a key: one without data is a directory. */
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
