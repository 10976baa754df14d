import type { Change, Check, Entry, Write } from '@libkv/core/driver'
import protobuf from 'protobufjs/minimal.js'
import type { Reader, Writer } from 'protobufjs/minimal.js'

/**
 * The few messages that carry keys, between bytes and the driver's terms without a step in between. The rest of the
 * protocol is etcd3's. Field numbers: https://github.com/etcd-io/etcd/blob/v3.5.16/api/etcdserverpb/rpc.proto and
 * https://github.com/etcd-io/etcd/blob/v3.5.16/api/mvccpb/kv.proto
 */

/** A half-open range of keys; one key without an end. */
export interface EtcdRange {
  readonly key: Uint8Array | string
  readonly end?: Uint8Array | undefined
}

export interface RangeRequest extends EtcdRange {
  readonly keysOnly?: boolean
  readonly stale?: boolean
  readonly limit?: number
  readonly revision?: bigint
}

export interface RangeReply {
  readonly revision: bigint
  readonly entries: readonly Entry[]
  /** The last key of a page that others follow. */
  readonly next: Uint8Array | undefined
}

export type EtcdWrite = (Write & { readonly lease?: string | undefined }) | DeleteRange
export type DeleteRange = { readonly type: 'range' } & EtcdRange

export interface TxnRequest {
  readonly checks: readonly Check[]
  readonly writes: readonly EtcdWrite[]
}

/** What one operation of a transaction answered. */
export interface OperationReply {
  /** Of a read. */
  readonly entries: readonly Entry[]
  /** Of a delete: how many keys went. */
  readonly deleted: number
  /** Of a put: when the key was created that was there before. */
  readonly createRevision: bigint | undefined
}

export interface TxnReply {
  readonly revision: bigint
  readonly succeeded: boolean
  readonly replies: readonly OperationReply[]
}

export interface WatchRequest extends EtcdRange {
  /** The first revision to be told of. */
  readonly from: bigint
}

export type WatchEvent = Change | { readonly type: 'other'; readonly revision: bigint }

export interface WatchReply {
  readonly revision: bigint
  readonly created: boolean
  readonly cancelled: boolean
  readonly cancelReason: string
  /** Not 0 when the history that was asked for is gone. */
  readonly compactRevision: bigint
  /** More of the same revision follows in the next message. */
  readonly fragment: boolean
  readonly events: readonly WatchEvent[]
}

// A tag is the field's number and its wire type: 0 for numbers, 2 for bytes and messages.
const number = (field: number): number => field << 3
const bytes = (field: number): number => (field << 3) | 2

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

export function encodeRange(request: RangeRequest): Uint8Array {
  return writeRange(protobuf.Writer.create(), request).finish()
}

export function encodePut(write: EtcdWrite & { type: 'put' }): Uint8Array {
  return writePut(protobuf.Writer.create(), write).finish()
}

export function encodeDelete(range: EtcdRange): Uint8Array {
  return writeKeyRange(protobuf.Writer.create(), range).finish()
}

export function encodeTxn({ checks, writes }: TxnRequest): Uint8Array {
  const writer = protobuf.Writer.create()
  for (const check of checks) writeCompare(writer.uint32(bytes(1)).fork(), check).ldelim()
  for (const write of writes) writeOperation(writer.uint32(bytes(2)).fork(), write).ldelim()
  for (const { key } of checks) {
    writer.uint32(bytes(3)).fork().uint32(bytes(1)).fork()
    writeKeyRange(writer, { key }).ldelim().ldelim()
  }
  return writer.finish()
}

/** With notifications of progress, and in fragments when it is too large for one message. */
export function encodeWatch({ key, end, from }: WatchRequest): Uint8Array {
  const writer = writeKeyRange(protobuf.Writer.create().uint32(bytes(1)).fork(), { key, end })
  writer.uint32(number(3)).int64(from.toString())
  return writer.uint32(number(4)).bool(true).uint32(number(8)).bool(true).ldelim().finish()
}

function writeKeyRange(writer: Writer, { key, end }: EtcdRange): Writer {
  writer.uint32(bytes(1))
  if (typeof key === 'string') writer.string(key)
  else writer.bytes(key)
  if (end !== undefined) writer.uint32(bytes(2)).bytes(end)
  return writer
}

function writeRange(writer: Writer, request: RangeRequest): Writer {
  writeKeyRange(writer, request)
  const { limit, revision, stale, keysOnly } = request
  if (limit !== undefined) writer.uint32(number(3)).uint32(limit)
  if (revision !== undefined) writer.uint32(number(4)).int64(revision.toString())
  if (stale === true) writer.uint32(number(7)).bool(true)
  if (keysOnly === true) writer.uint32(number(8)).bool(true)
  return writer
}

/** A put asks for the pair before: it tells when the key was created. */
function writePut(writer: Writer, write: EtcdWrite & { type: 'put' }): Writer {
  const { key, value, lease, keepSession } = write
  writer.uint32(bytes(1)).string(key).uint32(bytes(2)).bytes(value)
  if (lease !== undefined) writer.uint32(number(3)).int64(lease)
  writer.uint32(number(4)).bool(true)
  // `ignore_lease`: the key keeps the lease that it has.
  return keepSession === true ? writer.uint32(number(6)).bool(true) : writer
}

function writeOperation(writer: Writer, write: EtcdWrite): Writer {
  if (write.type === 'put') return writePut(writer.uint32(bytes(2)).fork(), write).ldelim()
  return writeKeyRange(writer.uint32(bytes(3)).fork(), write).ldelim()
}

/** Equal is the default of the result. Never a mod revision of 0: that would hold for a key that is absent. */
function writeCompare(writer: Writer, { key, expected }: Check): Writer {
  const [target, field, revision] =
    expected === null ? [1, 5, '0'] : [2, 6, expected.revision.toString()]
  writer.uint32(number(2)).uint32(target).uint32(bytes(3)).string(key)
  return writer.uint32(number(field)).int64(revision)
}

export function decodeRange(message: Uint8Array): RangeReply {
  const reader = protobuf.Reader.create(message)
  let revision = 0n
  let more = false
  let last: Uint8Array | undefined
  const entries: Entry[] = []
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if (tag === bytes(1)) revision = readHeader(reader)
    else if (tag === bytes(2)) {
      const pair = readPair(reader)
      last = pair.bytes
      if (pair.entry !== undefined) entries.push(pair.entry)
    } else if (tag === number(3)) more = reader.bool()
    else reader.skipType(tag & 7)
  }
  return { revision, entries, next: more ? last : undefined }
}

export function decodePut(message: Uint8Array): {
  revision: bigint
  createRevision: bigint | undefined
} {
  const reader = protobuf.Reader.create(message)
  return readPutReply(reader, reader.len)
}

export function decodeDelete(message: Uint8Array): { revision: bigint; deleted: number } {
  const reader = protobuf.Reader.create(message)
  return readDeleteReply(reader, reader.len)
}

export function decodeTxn(message: Uint8Array): TxnReply {
  const reader = protobuf.Reader.create(message)
  let revision = 0n
  let succeeded = false
  const replies: OperationReply[] = []
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if (tag === bytes(1)) revision = readHeader(reader)
    else if (tag === number(2)) succeeded = reader.bool()
    else if (tag === bytes(3)) replies.push(readOperationReply(reader))
    else reader.skipType(tag & 7)
  }
  return { revision, succeeded, replies }
}

export function decodeWatch(message: Uint8Array): WatchReply {
  const reader = protobuf.Reader.create(message)
  let revision = 0n
  let created = false
  let cancelled = false
  let cancelReason = ''
  let compactRevision = 0n
  let fragment = false
  const events: WatchEvent[] = []
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if (tag === bytes(1)) revision = readHeader(reader)
    else if (tag === number(3)) created = reader.bool()
    else if (tag === number(4)) cancelled = reader.bool()
    else if (tag === number(5)) compactRevision = readRevision(reader)
    else if (tag === bytes(6)) cancelReason = reader.string()
    else if (tag === number(7)) fragment = reader.bool()
    else if (tag === bytes(11)) events.push(readEvent(reader))
    else reader.skipType(tag & 7)
  }
  return { revision, created, cancelled, cancelReason, compactRevision, fragment, events }
}

function readEvent(reader: Reader): WatchEvent {
  const end = endOf(reader)
  let type = 0
  let pair: Pair = { bytes: empty, revision: 0n, entry: undefined }
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === number(1)) type = reader.uint32()
    else if (tag === bytes(2)) pair = readPair(reader)
    else reader.skipType(tag & 7)
  }
  const { entry, revision } = pair
  if (entry === undefined) return { type: 'other', revision }
  return type === 1 ? { type: 'delete', key: entry.key, revision } : { type: 'put', entry }
}

function readOperationReply(reader: Reader): OperationReply {
  const end = endOf(reader)
  let entries: readonly Entry[] = []
  let deleted = 0
  let createRevision: bigint | undefined
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === bytes(1)) ({ entries } = decodeRange(reader.bytes()))
    else if (tag === bytes(2)) ({ createRevision } = readPutReply(reader, endOf(reader)))
    else if (tag === bytes(3)) ({ deleted } = readDeleteReply(reader, endOf(reader)))
    else reader.skipType(tag & 7)
  }
  return { entries, deleted, createRevision }
}

function readPutReply(
  reader: Reader,
  end: number,
): { revision: bigint; createRevision: bigint | undefined } {
  let revision = 0n
  let createRevision: bigint | undefined
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === bytes(1)) revision = readHeader(reader)
    else if (tag === bytes(2)) createRevision = readCreateRevision(reader)
    else reader.skipType(tag & 7)
  }
  return { revision, createRevision }
}

function readDeleteReply(reader: Reader, end: number): { revision: bigint; deleted: number } {
  let revision = 0n
  let deleted = 0
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === bytes(1)) revision = readHeader(reader)
    else if (tag === number(2)) deleted = Number(readRevision(reader))
    else reader.skipType(tag & 7)
  }
  return { revision, deleted }
}

function readHeader(reader: Reader): bigint {
  const end = endOf(reader)
  let revision = 0n
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === number(3)) revision = readRevision(reader)
    else reader.skipType(tag & 7)
  }
  return revision
}

function readCreateRevision(reader: Reader): bigint {
  const end = endOf(reader)
  let revision = 0n
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === number(2)) revision = readRevision(reader)
    else reader.skipType(tag & 7)
  }
  return revision
}

/** A pair; without an entry when its key is no text, which others may have written. */
interface Pair {
  readonly bytes: Uint8Array
  readonly revision: bigint
  readonly entry: Entry | undefined
}

function readPair(reader: Reader): Pair {
  const end = endOf(reader)
  let raw: Uint8Array = empty
  let value: Uint8Array = empty
  let createRevision = 0n
  let revision = 0n
  let binding: Entry['binding']
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === bytes(1)) raw = reader.bytes()
    else if (tag === number(2)) createRevision = readRevision(reader)
    else if (tag === number(3)) revision = readRevision(reader)
    else if (tag === bytes(5)) value = copyOf(reader.bytes())
    else if (tag === number(6)) binding = readRevision(reader) === 0n ? undefined : 'lease'
    else reader.skipType(tag & 7)
  }
  const key = textOf(raw)
  const entry = key === undefined ? undefined : { key, value, revision, createRevision, binding }
  return { bytes: raw, revision, entry }
}

/** A copy of its own: the bytes are a part of the whole answer, which they would keep. */
const copyOf = (part: Uint8Array): Uint8Array => new Uint8Array(part)

const empty = new Uint8Array()

const endOf = (reader: Reader): number => reader.uint32() + reader.pos

function readRevision(reader: Reader): bigint {
  const long = reader.int64() as { low: number; high: number }
  return long.high === 0
    ? BigInt(long.low >>> 0)
    : (BigInt(long.high) << 32n) | BigInt(long.low >>> 0)
}

/** A key as text; undefined when it is none. */
function textOf(raw: Uint8Array): string | undefined {
  const text = (raw as Buffer).toString('utf8')
  if (!text.includes('\ufffd')) return text
  try {
    return strictUtf8.decode(raw)
  } catch {
    return undefined
  }
}
