import type { Acl, AclEntry, NodeData, Stat } from './client/index.ts'

// A key's create revision is nearly always the transaction that created its node. There are two
// exceptions:
//
// - A node without data is a directory node. It becomes a key when data is written to it, and the
//   reverse. A node that has ever had children may have been one.
// - A key that changes between permanent and bound to a session gets a new node, because
//   ZooKeeper's nodes cannot change.
//
// Only for those, a creation record beside the node holds the create revision. The stat that comes
// with every read shows whether there may be one, so all other keys cost nothing. Directory nodes
// that this library creates have a marker in their ACL: a writer that has not read the node first
// finds out afterwards that it has made a key of a directory.

/** A no-op ACL entry, which marks a directory node. */
const MARKER: AclEntry = { permissions: 0, scheme: 'world', id: 'anyone' }

/** The ACL of a directory node. */
export const directoryAcl = (acl: Acl): Acl => [...acl, MARKER]

/** Whether a node was created as a directory node. */
export const isDirectoryAcl = (acl: Acl): boolean =>
  acl.some(({ permissions, scheme }) => permissions === 0 && scheme === MARKER.scheme)

/** Whether the key's create revision may be another than the node's. */
export const mayHaveRecord = (stat: Stat): boolean =>
  stat.ephemeralOwner === 0n ? stat.cversion > 0 : stat.version > 0

/** A key's create revision as far as it can be read. */
export interface Creation {
  readonly revision: bigint
  /**
   * Undefined if the revision is certain. Otherwise the write that created the key has not recorded
   * it: `this` write, the first one after the node was a directory, or an `earlier` one.
   */
  readonly unrecorded?: 'this' | 'earlier'
}

/**
 * The create revision of the key at a node.
 *
 * @param wasDirectory - whether the node was created as a directory node.
 */
export function creationOf(stat: Stat, record: NodeData | null, wasDirectory: boolean): Creation {
  if (!mayHaveRecord(stat)) return { revision: stat.czxid }
  const read = readRecord(record)
  if (read?.node === stat.czxid) {
    if (read.created !== undefined) return { revision: read.created }
    return unrecorded(stat, read.version)
  }
  return wasDirectory && stat.ephemeralOwner === 0n ? unrecorded(stat, 0) : { revision: stat.czxid }
}

/** @param version - that of the node while it was a directory. */
function unrecorded({ mzxid, version: current }: Stat, version: number): Creation {
  return { revision: mzxid, unrecorded: current === version + 1 ? 'this' : 'earlier' }
}

// A record is text: `node created`, both zxids in hexadecimal, or 0 for the zxid of the write of
// the record itself; or `node - version` for a node that is a directory, with the version of its
// data.

/** The record of a key that the transaction with the record creates. */
export const createdNow = (node: Stat): Buffer => Buffer.from(`${hex(node.czxid)} 0`)

/** The record of a key created at that revision. */
export const createdAt = (node: Stat, created: bigint): Buffer =>
  Buffer.from(`${hex(node.czxid)} ${hex(created)}`)

/** The record of a key that the transaction with the record moves to a new node. */
export const movedNow = (created: bigint): Buffer => Buffer.from(`0 ${hex(created)}`)

/** The record of a node that the transaction with the record turns from a key into a directory. */
export const deletedNow = (node: Stat): Buffer =>
  Buffer.from(`${hex(node.czxid)} - ${String(node.version + 1)}`)

type Record = { readonly node: bigint } & (
  { readonly created: bigint } | { readonly created: undefined; readonly version: number }
)

function readRecord(record: NodeData | null): Record | undefined {
  const text = Buffer.from(record?.data ?? []).toString('latin1')
  const match = /^([\da-f]{1,16}) (?:([\da-f]{1,16})|- (\d+))$/.exec(text)
  if (record === null || match === null) return undefined
  const [, node = '', created, version] = match
  const zxid = (digits: string): bigint =>
    digits === '0' ? record.stat.mzxid : BigInt(`0x${digits}`)
  return created === undefined
    ? { node: zxid(node), created, version: Number(version) }
    : { node: zxid(node), created: zxid(created) }
}

const hex = (zxid: bigint): string => zxid.toString(16)
