import { isAscii } from 'node:buffer'
import type { Entry } from '@libkv/core/driver'
import type { Runtime } from '@libkv/core'

/** An entry as Consul's API has it: https://developer.hashicorp.com/consul/api-docs/kv */
export interface KvJson {
  readonly Key: string
  /** In base64; null when empty. */
  readonly Value: string | null
  readonly Flags: number
  readonly CreateIndex: number
  readonly ModifyIndex: number
  readonly Session?: string
}

/** One operation of a transaction: https://developer.hashicorp.com/consul/api-docs/txn */
export interface KvOperation {
  readonly Verb:
    | 'set'
    | 'cas'
    | 'get'
    | 'delete'
    | 'delete-tree'
    | 'get-tree'
    | 'lock'
    | 'unlock'
    | 'check-index'
    | 'check-not-exists'
    | 'check-session'
  readonly Key: string
  readonly Value?: string
  readonly Flags?: number
  readonly Index?: number
  readonly Session?: string
}

export interface TxnProblem {
  readonly OpIndex: number
  readonly What: string
}

/** Indexes are JSON numbers, and exact: Consul's log is shorter than 2^53. */
export function entryOf({ Key, Value, CreateIndex, ModifyIndex, Session }: KvJson): Entry {
  return {
    key: Key,
    value: Value === null ? new Uint8Array() : Buffer.from(Value, 'base64'),
    revision: BigInt(ModifyIndex),
    createRevision: BigInt(CreateIndex),
    binding: Session === undefined ? undefined : 'lease',
  }
}

/** An entry of which only the name is known. */
export function nameOnly(key: string): Entry {
  return { key, value: new Uint8Array(), revision: 0n, createRevision: 0n }
}

export function parseEntries(body: Buffer): Entry[] {
  // Latin-1 is read faster, and nearly all that servers say is ASCII.
  const text = isAscii(body) ? body.toString('latin1') : body.toString()
  return (JSON.parse(text) as KvJson[]).map(entryOf)
}

const plain = /^[\w./-]*$/
/** What servers take for printable, as Go's `unicode.IsPrint` does. */
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*/u

/**
 * Whether servers take the key as a part of a path. They refuse with 400 and no word what is not printable, such as a
 * zero-width joiner; in the body of a transaction it may be anywhere.
 */
export function isPrintable(key: string): boolean {
  return plain.test(key) || printablePrefix(key) === key
}

/** The part of a key that can stand in a path. */
export function printablePrefix(key: string): string {
  return printable.exec(key)?.[0] ?? ''
}

/** A key as part of a path: escaped, but for its slashes. */
export function pathOf(key: string): string {
  if (plain.test(key)) return key
  return key.split('/').map(encodeURIComponent).join('/')
}

export function base64(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
}

/**
 * The body of a transaction. Consul drops a write that changes nothing: no new index, nobody is woken, and of two
 * compare-and-sets both win. So every write carries a number of its own in the entry's flags.
 */
export function encodeTxn(operations: readonly KvOperation[]): string {
  let text = ''
  for (const { Verb, Key, Value, Flags, Index, Session } of operations) {
    text += `${text === '' ? '[' : ','}{"KV":{"Verb":"${Verb}","Key":${quoted(Key)}`
    // Base64 has nothing to escape.
    if (Value !== undefined) text += `,"Value":"${Value}"`
    if (Flags !== undefined) text += `,"Flags":${String(Flags)}`
    if (Index !== undefined) text += `,"Index":${String(Index)}`
    if (Session !== undefined) text += `,"Session":${JSON.stringify(Session)}`
    text += '}}'
  }
  return `${text}]`
}

const quoted = (key: string): string => (plain.test(key) ? `"${key}"` : JSON.stringify(key))

/** A number that no other write of this key is likely to have. JSON has no larger integers. */
export function nonce(runtime: Runtime): number {
  return Math.floor(runtime.random() * 2 ** 53)
}
