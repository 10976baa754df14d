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

const ERROR = -1

function writeHeader(writer: JuteWriter, opcode: number, done = false): void {
  writer.int(opcode)
  writer.bool(done)
  writer.int(-1)
}

/** Reads up to a result of this kind; or to the end of one that is an error, and says which. */
function readHeader(reader: JuteReader, opcode: number): number | undefined {
  const type = reader.int()
  const done = reader.bool()
  reader.int()
  if (!done && type === ERROR) return reader.int()
  if (done || type !== opcode) throw malformed(`a result of type ${type} in a multi`)
  return undefined
}

function readEnd(reader: JuteReader): void {
  reader.int()
  if (!reader.bool()) throw malformed('more results than the multi has operations')
}

function writeWrite(writer: JuteWriter, write: MultiOperation, paths: Paths): void {
  writeHeader(writer, opcodeOf(write))
  switch (write.type) {
    case 'create':
      return creationOf(write).encode(writer, write, paths)
    case 'set':
      return set.encode(writer, write, paths)
    case 'delete':
      return remove.encode(writer, write, paths)
    case 'check':
      return check.encode(writer, write, paths)
  }
}

function readWrite(reader: JuteReader, write: MultiOperation, paths: Paths): MultiResult {
  switch (write.type) {
    case 'create':
      return { type: 'create', ...creationOf(write).decode(reader, write, paths) }
    case 'set':
      return { type: 'set', stat: readStat(reader) }
    case 'delete':
    case 'check':
      return { type: write.type }
  }
}

const OPCODES = { set: set.opcode, delete: remove.opcode, check: check.opcode } as const

const opcodeOf = (write: MultiOperation): number =>
  write.type === 'create' ? creationOf(write).opcode : OPCODES[write.type]

/** The result's type. All kinds of creation have one (org.apache.zookeeper.OpResult.CreateResult). */
const resultOf = (write: MultiOperation): number =>
  write.type === 'create' ? creationOf({}).opcode : OPCODES[write.type]

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
  decode(reader, { writes }, paths) {
    const results: MultiResult[] = []
    const errors: number[] = []
    for (const write of writes) {
      const error = readHeader(reader, resultOf(write))
      if (error === undefined) results.push(readWrite(reader, write, paths))
      else errors.push(error)
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
  return new ZooKeeperError(code, `operation ${failedIndex}, ${type} ${path}: ${code}`, {
    operation: 'multi',
    path,
    failedIndex,
    codes,
  })
}

// GetChildrenRequest, whose answer has no stat.
const getChildren = 8

interface Reads extends Target {
  readonly reads: readonly Read[]
}

export const multiRead: Operation<Reads, ReadResult[]> = {
  opcode: 22,
  name: 'multiRead',
  encode(writer, { reads }, paths) {
    for (const { type, path } of reads) {
      writeHeader(writer, type === 'get' ? get.opcode : getChildren)
      writer.string(paths.onServer(path))
      writer.bool(false)
    }
    writeHeader(writer, -1, true)
  },
  decode(reader, { reads }) {
    const results = reads.map((read) => readResult(reader, read))
    readEnd(reader)
    return results
  },
}

function readResult(reader: JuteReader, { type, path }: Read): ReadResult {
  const error = readHeader(reader, type === 'get' ? get.opcode : getChildren)
  if (error === NO_NODE) return null
  if (error !== undefined) {
    const code = codeOf(error)
    return new ZooKeeperError(code, `${type} ${path}: ${code}`, { operation: type, path })
  }
  if (type === 'children') return { type, children: readStrings(reader) }
  return { type, ...readNodeData(reader) }
}
