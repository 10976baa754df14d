// The requests of ZooKeeper's protocol: zookeeper.jute has the records, org.apache.zookeeper.ZooDefs the numbers.
import { OPEN } from './acl.ts'
import type { Acl, Identity } from './acl.ts'
import type { JuteReader } from './jute-reader.ts'
import type { JuteWriter } from './jute-writer.ts'
import type { Children, Created, CreateMode, CreateOptions, NodeData, Stat } from './node.ts'
import type { Operation, Target } from './operation.ts'
import type { Paths } from './paths.ts'
import { readAcl, readIdentity, readNodeData, readStat, readStrings, writeAcl } from './records.ts'
import type { WatchListener, WatchMode } from './watch-event.ts'
import { ZooKeeperError } from './zookeeper-error.ts'

interface At extends Target {
  readonly path: string
}

interface Watching extends At {
  readonly listener?: WatchListener | undefined
}

interface Versioned extends At {
  readonly version?: number | undefined
}

export type Creation = At & { readonly data: Uint8Array | null } & CreateOptions
export type Writing = Versioned & { readonly data: Uint8Array | null }

const nothing = (): void => {}

function encodePath(writer: JuteWriter, { path }: At, paths: Paths): void {
  writer.string(paths.onServer(path))
}

function encodeWatching(writer: JuteWriter, { path, listener }: Watching, paths: Paths): void {
  writer.string(paths.onServer(path))
  writer.bool(listener !== undefined)
}

function encodeVersioned(writer: JuteWriter, { path, version }: Versioned, paths: Paths): void {
  writer.string(paths.onServer(path))
  writer.int(version ?? -1)
}

// org.apache.zookeeper.CreateMode
const FLAGS: Readonly<Record<CreateMode, number>> = {
  persistent: 0,
  ephemeral: 1,
  persistentSequential: 2,
  ephemeralSequential: 3,
  container: 4,
}
const TTL_FLAGS: Readonly<Partial<Record<CreateMode, number>>> = {
  persistent: 5,
  persistentSequential: 6,
}

function encodeCreation(writer: JuteWriter, request: Creation, paths: Paths): void {
  const { path, data, mode = 'persistent', ttl, acl = OPEN } = request
  writer.string(paths.toCreate(path, mode.endsWith('Sequential')))
  writer.buffer(data)
  writeAcl(writer, acl)
  if (ttl === undefined) return writer.int(FLAGS[mode])
  const flags = TTL_FLAGS[mode]
  if (flags === undefined || !Number.isSafeInteger(ttl) || ttl <= 0 || ttl >= 2 ** 40) {
    throw new ZooKeeperError('BAD_ARGUMENTS', `no ttl of ${ttl} ms for a node that is ${mode}`)
  }
  writer.int(flags)
  writer.long(BigInt(ttl))
}

function decodeCreated(reader: JuteReader, _request: Creation, paths: Paths): Created {
  const path = paths.inClient(reader.string())
  const stat = readStat(reader)
  return { path, stat }
}

const creating = (opcode: number): Operation<Creation, Created> => ({
  opcode,
  name: 'create',
  writes: true,
  encode: encodeCreation,
  decode: decodeCreated,
})

const create2 = creating(15)
const createContainer = creating(19)
const createTtl = creating(21)

/** Containers and nodes with a time to live have requests of their own. */
export function creationOf({ mode, ttl }: CreateOptions): Operation<Creation, Created> {
  if (ttl !== undefined) return createTtl
  return mode === 'container' ? createContainer : create2
}

export const remove: Operation<Versioned, void> = {
  opcode: 2,
  name: 'delete',
  writes: true,
  encode: encodeVersioned,
  decode: nothing,
}

export const exists: Operation<Watching, Stat | null> = {
  opcode: 3,
  name: 'exists',
  nullable: true,
  watch: 'data',
  watchAbsent: 'exist',
  encode: encodeWatching,
  decode: readStat,
}

export const get: Operation<Watching, NodeData | null> = {
  opcode: 4,
  name: 'get',
  nullable: true,
  watch: 'data',
  encode: encodeWatching,
  decode: readNodeData,
}

export const set: Operation<Writing, Stat> = {
  opcode: 5,
  name: 'set',
  writes: true,
  encode(writer, { path, data, version }, paths) {
    writer.string(paths.onServer(path))
    writer.buffer(data)
    writer.int(version ?? -1)
  },
  decode: readStat,
}

export const getAcl: Operation<At, { readonly acl: Acl; readonly stat: Stat } | null> = {
  opcode: 6,
  name: 'getAcl',
  nullable: true,
  encode: encodePath,
  decode(reader) {
    const acl = readAcl(reader)
    const stat = readStat(reader)
    return { acl, stat }
  },
}

export const setAcl: Operation<Versioned & { readonly acl: Acl }, Stat> = {
  opcode: 7,
  name: 'setAcl',
  writes: true,
  encode(writer, { path, acl, version }, paths) {
    writer.string(paths.onServer(path))
    writeAcl(writer, acl)
    writer.int(version ?? -1)
  },
  decode: readStat,
}

export const sync: Operation<At, void> = {
  opcode: 9,
  name: 'sync',
  encode: encodePath,
  decode: nothing,
}

export const children: Operation<Watching, Children | null> = {
  opcode: 12,
  name: 'children',
  nullable: true,
  watch: 'child',
  encode: encodeWatching,
  decode(reader) {
    const names = readStrings(reader)
    const stat = readStat(reader)
    return { children: names, stat }
  },
}

/** Only as a part of a multi. */
export const check: Operation<Versioned, void> = {
  opcode: 13,
  name: 'check',
  encode: encodeVersioned,
  decode: nothing,
}

export const removeWatches: Operation<At, void> = {
  opcode: 18,
  name: 'removeWatch',
  encode(writer, { path }, paths) {
    const ANY = 3
    writer.string(paths.onServer(path))
    writer.int(ANY)
  },
  decode: nothing,
}

function adding(watch: WatchMode): Operation<Watching, void> {
  return {
    opcode: 106,
    name: 'watch',
    watch,
    encode(writer, { path }, paths) {
      writer.string(paths.onServer(path))
      writer.int(watch === 'persistent' ? 0 : 1)
    },
    decode: nothing,
  }
}

export const addWatch: Readonly<Record<WatchMode, Operation<Watching, void>>> = {
  persistent: adding('persistent'),
  persistentRecursive: adding('persistentRecursive'),
}

export const whoAmI: Operation<Target, Identity[]> = {
  opcode: 107,
  name: 'whoAmI',
  encode: nothing,
  decode: (reader) => reader.vector(8, readIdentity),
}

export const closeSession: Operation<Target, void> = {
  opcode: -11,
  name: 'close',
  encode: nothing,
  decode: nothing,
}

/** ZooDefs.OpCode.createSession: what a connection begins with. */
export const CREATE_SESSION = -10

/** Is answered when there is a session, and never sent. */
export const connect: Operation<Target, void> = {
  opcode: CREATE_SESSION,
  name: 'connect',
  encode: nothing,
  decode: nothing,
}
