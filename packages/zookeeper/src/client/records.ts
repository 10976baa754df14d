// The records of zookeeper.jute that several messages share.
import type { Acl, AclEntry, Identity } from './acl.ts'
import type { JuteReader } from './jute-reader.ts'
import type { JuteWriter } from './jute-writer.ts'
import type { NodeData, Stat } from './node.ts'

export function readStat(reader: JuteReader): Stat {
  const czxid = reader.long()
  const mzxid = reader.long()
  const ctime = reader.time()
  const mtime = reader.time()
  const version = reader.int()
  const cversion = reader.int()
  const aversion = reader.int()
  const ephemeralOwner = reader.long()
  const dataLength = reader.int()
  const numChildren = reader.int()
  const pzxid = reader.long()
  return {
    czxid,
    mzxid,
    pzxid,
    ctime,
    mtime,
    version,
    cversion,
    aversion,
    ephemeralOwner,
    dataLength,
    numChildren,
  }
}

export function readNodeData(reader: JuteReader): NodeData {
  const data = reader.buffer()
  const stat = readStat(reader)
  return { data, stat }
}

const readString = (reader: JuteReader): string => reader.string()

export const readStrings = (reader: JuteReader): string[] => reader.vector(4, readString)

function readAclEntry(reader: JuteReader): AclEntry {
  const permissions = reader.int()
  const scheme = reader.string()
  const id = reader.string()
  return { permissions, scheme, id }
}

export const readAcl = (reader: JuteReader): Acl => reader.vector(12, readAclEntry)

/** ClientInfo, which is an identity under other names. */
export function readIdentity(reader: JuteReader): Identity {
  const scheme = reader.string()
  const id = reader.string()
  return { scheme, id }
}

export function writeAcl(writer: JuteWriter, acl: Acl): void {
  writer.vector(acl, ({ permissions, scheme, id }) => {
    writer.int(permissions)
    writer.string(scheme)
    writer.string(id)
  })
}

export function writeStrings(writer: JuteWriter, strings: readonly string[]): void {
  writer.vector(strings, (string) => {
    writer.string(string)
  })
}
