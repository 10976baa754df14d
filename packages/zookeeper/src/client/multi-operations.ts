// Both kinds of multi are parts with a MultiHeader before each, and one header more that says "done"; so are their answers.
import { malformed } from './jute-reader.ts'
import type { JuteReader } from './jute-reader.ts'
import type { JuteWriter } from './jute-writer.ts'
import type { MultiOperation, MultiResult, Read, ReadResult } from './multi.ts'
import type { Operation, Target } from './operation.ts'
import { check, creationOf, get, remove, set } from './operations.ts'
import type { Paths } from './paths.ts'
import { readNodeData, readStat, readStrings } from './records.ts'
import { codeOf, NO_NODE, ZooKeeperError } from './zookeeper-error.ts'
import type { ZooKeeperErrorCode } from './zookeeper-error.ts'

/** The type of a result that is an error. */
const ERROR = -1

function writeHeader(writer: JuteWriter, opcode: number, done = false): void {
  writer.int(opcode)
  writer.bool(done)
  writer.int(-1)
}

/** Reads what is before a result, and says of which type that is: an error, or one of those expected. */
function readHeader(reader: JuteReader, expected: readonly number[]): number {
  const type = reader.int()
  const done = reader.bool()
  reader.int()
  if (!done && (type === ERROR || expected.includes(type))) return type
  throw malformed(`a result of type ${type} in a multi`)
}

function readEnd(reader: JuteReader): void {
  reader.int()
  if (!reader.bool()) throw malformed('more results than the multi has operations')
}

function writeWrite(writer: JuteWriter, write: MultiOperation, paths: Paths): void {
  switch (write.type) {
    case 'create':
      writeHeader(writer, creationOf(write).opcode)
      return creationOf(write).encode(writer, write, paths)
    case 'set':
      writeHeader(writer, set.opcode)
      return set.encode(writer, write, paths)
    case 'delete':
      writeHeader(writer, remove.opcode)
      return remove.encode(writer, write, paths)
    case 'check':
      writeHeader(writer, check.opcode)
      return check.encode(writer, write, paths)
  }
}

// All kinds of creation have results of one type; the old one, which has no stat, comes of servers without ZOOKEEPER-4026.
const CREATED = creationOf({}).opcode
const CREATED_WITHOUT_STAT = 1

/** The types that the result of a write can have. */
const RESULTS: Readonly<Record<MultiOperation['type'], readonly number[]>> = {
  create: [CREATED, CREATED_WITHOUT_STAT],
  set: [set.opcode],
  delete: [remove.opcode],
  check: [check.opcode],
}

function readResult(
  reader: JuteReader,
  type: number,
  write: MultiOperation,
  paths: Paths,
  zxid: bigint,
): MultiResult {
  switch (write.type) {
    case 'create': {
      const path = paths.inClient(reader.string())
      if (type === CREATED_WITHOUT_STAT) return { type: 'create', zxid, path }
      return { type: 'create', zxid, path, stat: readStat(reader) }
    }
    case 'set':
      return { type: 'set', zxid, stat: readStat(reader) }
    case 'delete':
    case 'check':
      return { type: write.type, zxid }
  }
}

interface Writes extends Target {
  readonly writes: readonly MultiOperation[]
}

export const multi: Operation<Writes, MultiResult[]> = {
  opcode: 14,
  name: 'multi',
  writes: true,
  encode(writer, { writes }, paths) {
    for (const write of writes) writeWrite(writer, write, paths)
    writeHeader(writer, -1, true)
  },
  decode(reader, { writes }, paths, { latest: zxid }) {
    const results: MultiResult[] = []
    const errors: number[] = []
    for (const write of writes) {
      const type = readHeader(reader, RESULTS[write.type])
      if (type === ERROR) errors.push(reader.int())
      else results.push(readResult(reader, type, write, paths, zxid))
    }
    readEnd(reader)
    if (errors.length > 0) throw failure(writes, errors)
    return results
  },
}

/** Where one operation fails, the server reports all as errors: 0 before it, and "rolled back" behind it. */
function failure(writes: readonly MultiOperation[], errors: readonly number[]): ZooKeeperError {
  const failedIndex = errors.findIndex((error) => error !== 0)
  const write = writes[failedIndex]
  const error = errors[failedIndex]
  if (errors.length !== writes.length || write === undefined || error === undefined) {
    return malformed('results of a multi that contradict each other')
  }
  const code = codeOf(error)
  const codes = errors.map((each): ZooKeeperErrorCode | undefined =>
    each === 0 ? undefined : codeOf(each),
  )
  const { type, path } = write
  return new ZooKeeperError(code, `multi: operation ${failedIndex}, ${type} ${path}: ${code}`, {
    operation: 'multi',
    path,
    failedIndex,
    codes,
  })
}

// GetChildrenRequest, whose answer has no stat.
const GET_CHILDREN = 8

const READ_RESULTS: Readonly<Record<Read['type'], readonly number[]>> = {
  get: [get.opcode],
  children: [GET_CHILDREN],
}

interface Reads extends Target {
  readonly reads: readonly Read[]
}

export const multiRead: Operation<Reads, ReadResult[]> = {
  opcode: 22,
  name: 'multiRead',
  encode(writer, { reads }, paths) {
    for (const { type, path } of reads) {
      writeHeader(writer, type === 'get' ? get.opcode : GET_CHILDREN)
      writer.string(paths.onServer(path))
      writer.bool(false)
    }
    writeHeader(writer, -1, true)
  },
  decode(reader, { reads }) {
    const results = reads.map((read) => readRead(reader, read))
    readEnd(reader)
    return results
  },
}

function readRead(reader: JuteReader, { type, path }: Read): ReadResult {
  if (readHeader(reader, READ_RESULTS[type]) === ERROR) {
    const error = reader.int()
    if (error === NO_NODE) return null
    const code = codeOf(error)
    return new ZooKeeperError(code, `${type} ${path}: ${code}`, { operation: type, path })
  }
  if (type === 'children') return { type, children: readStrings(reader) }
  return { type, ...readNodeData(reader) }
}
