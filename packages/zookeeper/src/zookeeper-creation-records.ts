import { OPEN, PERMISSION } from './client/index.ts'
import type { Acl, AclEntry, NodeData, Stat } from './client/index.ts'

// A key's `createRevision` is the transaction that brought the key into being. For nearly all keys that is the transaction that
// created its node. There are two exceptions:
//
// - A node can be a directory first and a key later, and again: a directory is a node without data. Where a node has ever had
//   children, it may be one.
// - A key can change between permanent and bound to a session. ZooKeeper's nodes cannot, so it gets a new node.
//
// For those, and for no others, a record beside the node says when the key came into being. Whether there may be one is told
// by what every read of the node brings along, so that all other keys cost nothing. Directories that this library makes bear
// a mark, so that who writes to one without having looked at it can tell afterwards that this has made it a key.

/** An entry of an ACL that allows nothing to nobody: the mark of a node that was made as a directory. */
const MARK: AclEntry = { permissions: 0, scheme: 'world', id: 'anyone' }

/** The ACL of a directory. */
export const directoryAcl = (acl: Acl): Acl => [...acl, MARK]

/** Whether a node was made as a directory. */
export const isMarked = (acl: Acl): boolean =>
  acl.some(({ permissions, scheme }) => permissions === 0 && scheme === MARK.scheme)

/** The ACL of what all users of a cluster share. It has no content, and its version number is all that it tells. */
export const sharedAcl = (acl: Acl): Acl => {
  if (acl === OPEN) return OPEN
  const { read, write, create } = PERMISSION
  return [{ permissions: read + write + create, scheme: 'world', id: 'anyone' }]
}

/** Whether the node's own birth may be another than the key's. */
export const mayDiffer = (stat: Stat): boolean =>
  stat.ephemeralOwner === 0n ? stat.cversion > 0 : stat.version > 0

/** What is known of a key's birth. */
export interface Birth {
  readonly revision: bigint
  /**
   * Undefined when that is certain. Else the key has come to life by a write that has not recorded it: `this` write if it
   * is the first one, or an `earlier` one.
   */
  readonly unrecorded?: 'this' | 'earlier'
}

/** When the key at that node came into being. */
export function birthOf(stat: Stat, record: NodeData | null, marked: boolean): Birth {
  if (!mayDiffer(stat)) return { revision: stat.czxid }
  const read = readRecord(record)
  if (read?.node === stat.czxid) {
    if (read.birth !== undefined) return { revision: read.birth }
    return unrecorded(stat, read.version)
  }
  return marked && stat.ephemeralOwner === 0n ? unrecorded(stat, 0) : { revision: stat.czxid }
}

/** @param version - that of the node while it was a directory. */
function unrecorded({ mzxid, version: current }: Stat, version: number): Birth {
  return { revision: mzxid, unrecorded: current === version + 1 ? 'this' : 'earlier' }
}

// A record is text: `node birth`, both zxids in hexadecimal, or 0 for the zxid of the write of this very record; or
// `node - version` for a node that is a directory, with the version of its data.

/** The record of a key that is brought to life by the transaction that writes the record. */
export const bornNow = (node: Stat): Buffer => Buffer.from(`${hex(node.czxid)} 0`)

/** The record of a key that came to life at that revision. */
export const bornAt = (node: Stat, birth: bigint): Buffer =>
  Buffer.from(`${hex(node.czxid)} ${hex(birth)}`)

/** The record of a key that is given a new node by the transaction that writes the record. */
export const movedNow = (birth: bigint): Buffer => Buffer.from(`0 ${hex(birth)}`)

/** The record of a node that ceases to be a key by the transaction that writes the record. */
export const diesNow = (node: Stat): Buffer =>
  Buffer.from(`${hex(node.czxid)} - ${String(node.version + 1)}`)

type Record = { readonly node: bigint } & (
  { readonly birth: bigint } | { readonly birth: undefined; readonly version: number }
)

function readRecord(record: NodeData | null): Record | undefined {
  const text = Buffer.from(record?.data ?? []).toString('latin1')
  const match = /^([\da-f]{1,16}) (?:([\da-f]{1,16})|- (\d+))$/.exec(text)
  if (record === null || match === null) return undefined
  const [, node = '', birth, version] = match
  const zxid = (digits: string): bigint =>
    digits === '0' ? record.stat.mzxid : BigInt(`0x${digits}`)
  return birth === undefined
    ? { node: zxid(node), birth, version: Number(version) }
    : { node: zxid(node), birth: zxid(birth) }
}

const hex = (zxid: bigint): string => zxid.toString(16)
