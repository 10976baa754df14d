import { isInRanges } from '@libkv/core/driver'
import type { Call, Entry, KeyRange, Scan } from '@libkv/core/driver'
import type { NodeData, Read, ReadResult } from './client/index.ts'
import { nodeOf } from './zookeeper-connection.ts'
import type { ZooKeeperConnection } from './zookeeper-connection.ts'
import { childOf, directoryOf, isServersOrOwn, keyOfChild } from './zookeeper-paths.ts'
import { PositionedCall } from './zookeeper-positioned-call.ts'

/** Nodes read by one request. Even the largest values fit into the answer. */
const BATCH = 100
/** Such requests in flight at once. */
const BATCHES_IN_FLIGHT = 32
/**
 * Values of this average size in bytes are not read if they are not needed, although each node then
 * costs a request.
 */
const LARGE = 2_048
/** The total size in bytes up to which a tree is read again by one request. */
const SMALL_TREE = 4 * 1024 * 1024
const MAX_REREAD = 5_000
const MAX_REREAD_PATHS = 200_000
/** Attempts to read one state while others write. */
const ATTEMPTS = 12

/** A node of a tree. */
export interface TreeNode {
  readonly path: string
  /** Undefined for the library's own nodes. */
  readonly key: string | undefined
  readonly depth: number
  node: NodeData
  /** The names of its children, where it has any. */
  children: readonly string[]
  /** The position (zxid) at which the node was read. */
  seenAt: bigint
}

export interface ScannedTree {
  /** The root first, if it is there. */
  readonly nodes: readonly TreeNode[]
  /** The position (zxid) up to which it is complete. */
  readonly revision: bigint
}

export interface ScanRequest {
  /** The keys to read start with it; empty, or with a slash at its end. */
  readonly prefix: string
  readonly linearizable: boolean
  /** Whether values are needed. Otherwise the data of a key may be empty or outdated. */
  readonly values: boolean
  /** Ranges of keys; directories outside of them are left out. */
  readonly ranges?: readonly KeyRange[] | undefined
}

/**
 * Reads a tree, level by level: two requests for each level, and for each hundred nodes in it.
 *
 * The requests read at several positions. Each stat shows since which position the node is
 * unchanged; if there is a position at which all nodes were as read, the result is a snapshot.
 * Otherwise the nodes are read again by a single request, or the tree from the start. A tree of
 * more than 4 MiB with concurrent writers may be no snapshot: each key as it was at some position.
 */
export async function scanTree(
  connection: ZooKeeperConnection,
  request: ScanRequest,
  call: Call,
): Promise<ScannedTree> {
  let last: Scanner | undefined
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    last = new Scanner(connection, request, call)
    await last.read()
    if (last.isOfOneMoment() || (await last.readAtOnce())) break
  }
  return last?.tree ?? { nodes: [], revision: 0n }
}

/** The keys directly below a directory that holds nothing but keys: one round trip. */
export async function listKeys(
  connection: ZooKeeperConnection,
  { prefix, linearizable }: Pick<ScanRequest, 'prefix' | 'linearizable'>,
  call: Call,
): Promise<Scan> {
  const barrier = linearizable ? connection.barrier(call) : undefined
  const found = await connection.client.children(directoryOf(prefix), call)
  barrier?.check()
  const entries: Entry[] = []
  for (const name of found?.children ?? []) {
    const key = keyOfChild(prefix, name)
    if (key !== undefined) entries.push({ ...NAME_ONLY, key })
  }
  return { entries }
}

const NAME_ONLY = { value: new Uint8Array(), revision: 0n, createRevision: 0n }

type Place = Omit<TreeNode, 'node' | 'children' | 'seenAt'>

class Scanner {
  readonly #connection: ZooKeeperConnection
  readonly #request: ScanRequest
  readonly #call: Call
  #nodes: TreeNode[] = []
  /** Whether a node was deleted during the scan. */
  #isTorn = false
  #bytes = 0
  #readSoFar = 0
  #absentAt = 0n

  constructor(connection: ZooKeeperConnection, request: ScanRequest, call: Call) {
    this.#connection = connection
    this.#request = request
    this.#call = call
  }

  get tree(): ScannedTree {
    return { nodes: this.#nodes, revision: this.#upTo() }
  }

  async read(): Promise<void> {
    const { prefix, linearizable } = this.#request
    const root = directoryOf(prefix)
    const barrier = linearizable ? this.#connection.barrier(this.#call) : undefined
    const { results, zxid } = await this.#multiRead([
      { type: 'children', path: root },
      { type: 'get', path: root },
    ])
    barrier?.check()
    const [children, got] = results
    const node = nodeOf(got ?? null)
    if (node === null) {
      this.#absentAt = zxid
      return
    }
    const top: TreeNode = {
      path: root,
      key: prefix.slice(0, -1),
      depth: 0,
      node,
      children: namesOf(children),
      seenAt: zxid,
    }
    this.#nodes.push(top)
    for (let level = [top]; level.length > 0;) level = await this.#readBelow(level)
  }

  /** Whether there is a position at which all nodes were as they were read. */
  isOfOneMoment(): boolean {
    if (this.#isTorn) return false
    const upTo = this.#upTo()
    return this.#nodes.every(({ node: { stat } }) => stat.mzxid <= upTo && stat.pzxid <= upTo)
  }

  /** Reads all nodes again at one position; succeeds if none was created or deleted. */
  async readAtOnce(): Promise<boolean> {
    const nodes = this.#nodes
    if (this.#isTorn || nodes.length > MAX_REREAD || this.#bytes > SMALL_TREE) return false
    if (!this.#request.values && this.#hasLargeValues) return false
    if (nodes.reduce((length, { path }) => length + path.length, 0) > MAX_REREAD_PATHS) return false
    const { results, zxid } = await this.#multiRead(
      nodes.map(({ path }) => ({ type: 'get', path })),
    )
    for (const [i, tree] of nodes.entries()) {
      const now = nodeOf(results[i] ?? null)
      if (now === null || now.stat.pzxid > tree.seenAt) return false
      tree.node = now
    }
    for (const tree of nodes) tree.seenAt = zxid
    return true
  }

  async #readBelow(level: readonly TreeNode[]): Promise<TreeNode[]> {
    const places = level.flatMap((parent) => this.#placesBelow(parent))
    const found = await this.#readNodes(places.map(({ path }) => path))
    const below: TreeNode[] = []
    for (const [i, place] of places.entries()) {
      const { node = null, seenAt = 0n } = found[i] ?? {}
      if (node === null) this.#isTorn = true
      else below.push({ ...place, node, seenAt, children: [] })
    }
    // Spread, a large directory would be more arguments than the stack holds.
    for (const node of below) this.#nodes.push(node)
    const parents = below.filter(({ node }) => node.stat.numChildren > 0)
    await this.#inBatches(parents, BATCH / 2, (batch) => this.#readChildren(batch))
    return parents
  }

  #placesBelow({ path, key, depth, children }: TreeNode): Place[] {
    const prefix = key === '' ? '' : `${String(key)}/`
    const { ranges } = this.#request
    return children
      .filter((name) => path !== '/' || !isServersOrOwn(name))
      .map((name): Place => {
        // Children of internal nodes are internal.
        const child = key === undefined ? undefined : keyOfChild(prefix, name)
        return { path: childOf(path, name), key: child, depth: depth + 1 }
      })
      .filter((place) => !ranges || !place.key || isInRanges(`${place.key}/`, ranges))
  }

  /** The children of some nodes, and those nodes as they were then. */
  async #readChildren(parents: readonly TreeNode[]): Promise<void> {
    const { results, zxid } = await this.#multiRead(
      parents.flatMap(({ path }) => [
        { type: 'children', path } as const,
        { type: 'get', path } as const,
      ]),
    )
    for (const [i, parent] of parents.entries()) {
      const node = nodeOf(results[2 * i + 1] ?? null)
      if (node === null) {
        this.#isTorn = true
        continue
      }
      parent.node = node
      parent.children = namesOf(results[2 * i])
      parent.seenAt = zxid
    }
  }

  async #readNodes(paths: readonly string[]): Promise<{ node: NodeData | null; seenAt: bigint }[]> {
    const found: { node: NodeData | null; seenAt: bigint }[] = []
    await this.#inBatches(paths, BATCH, async (batch, offset) => {
      const { nodes, zxid } =
        this.#request.values || !this.#hasLargeValues
          ? await this.#getAll(batch)
          : await this.#statAll(batch)
      for (const [i, node] of nodes.entries()) found[offset + i] = { node, seenAt: zxid }
    })
    return found
  }

  async #getAll(paths: readonly string[]): Promise<{ nodes: (NodeData | null)[]; zxid: bigint }> {
    const { results, zxid } = await this.#multiRead(paths.map((path) => ({ type: 'get', path })))
    const nodes = results.map(nodeOf)
    for (const node of nodes) this.#bytes += node?.stat.dataLength ?? 0
    this.#readSoFar += nodes.length
    return { nodes, zxid }
  }

  /** Reads the nodes without their data, unless it is empty: `null` is a directory node. */
  async #statAll(paths: readonly string[]): Promise<{ nodes: (NodeData | null)[]; zxid: bigint }> {
    const position = new PositionedCall(this.#call)
    const stats = await Promise.all(
      paths.map((path) => this.#connection.client.exists(path, position)),
    )
    const unclear = paths.filter((_, i) => stats[i]?.dataLength === 0)
    const { nodes: empty } =
      unclear.length > 0 ? await this.#getAll(unclear) : { nodes: [] as (NodeData | null)[] }
    const looked = new Map(unclear.map((path, i) => [path, empty[i] ?? null]))
    const nodes = stats.map((stat, i) => {
      const path = paths[i] ?? ''
      if (looked.has(path)) return looked.get(path) ?? null
      return stat === null ? null : { data: new Uint8Array(), stat }
    })
    return { nodes, zxid: position.zxid }
  }

  async #multiRead(reads: readonly Read[]): Promise<{ results: ReadResult[]; zxid: bigint }> {
    const position = new PositionedCall(this.#call)
    const results = await this.#connection.client.multiRead(reads, position)
    return { results, zxid: position.zxid }
  }

  /** Sends the first batch alone if it has to show how large the values are. */
  async #inBatches<T>(
    items: readonly T[],
    size: number,
    work: (batch: readonly T[], offset: number) => Promise<void>,
  ): Promise<void> {
    for (let offset = 0; offset < items.length;) {
      const most = this.#readSoFar === 0 && !this.#request.values ? 1 : BATCHES_IN_FLIGHT
      const batches: Promise<void>[] = []
      for (; offset < items.length && batches.length < most; offset += size) {
        batches.push(work(items.slice(offset, offset + size), offset))
      }
      await Promise.all(batches)
    }
  }

  get #hasLargeValues(): boolean {
    return this.#bytes > LARGE * this.#readSoFar
  }

  #upTo(): bigint {
    return this.#nodes.reduce(
      (least, { seenAt }) => (least === 0n || seenAt < least ? seenAt : least),
      this.#absentAt,
    )
  }
}

const namesOf = (result: ReadResult | undefined): readonly string[] => {
  if (result instanceof Error) throw result
  return result?.type === 'children' ? result.children : []
}
