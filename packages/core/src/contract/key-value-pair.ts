import { TextDecoder } from 'node:util'

/** A key with its value and the two positions in the store's history that identify this state of it. */
export interface KVPair {
  /** The full, canonical key: no outer slash, never relative, never with the namespace or a backend's own prefix. */
  readonly key: string
  /** The bytes that were written, in memory of their own: to change them changes nothing else. */
  readonly value: Uint8Array
  /**
   * The store-wide position of the key's last write. It grows with every write of the key, also when the bytes are the
   * same (etcd mod revision, Consul ModifyIndex, ZooKeeper mzxid).
   */
  readonly revision: bigint
  /** The position of the write that brought this key into being. A key deleted and created again has another one. */
  readonly createRevision: bigint
  /**
   * `'lease'` for a key that the server deletes, with a session or when its ttl is over; servers do not tell the two apart. Absent
   * for a permanent key.
   */
  readonly binding?: Binding
  /** The value read as UTF-8. */
  text(): string
  /**
   * The value read as JSON.
   *
   * @throws SyntaxError if it is none.
   */
  json<T>(): T
  /**
   * What `JSON.stringify` writes: the value in base64 (RFC 4648, section 4), revisions as decimal strings. It is a
   * {@link Version}, so a client that was sent it can hand it back for a compare-and-set.
   */
  toJSON(): KVPairJSON
}

/** What a key is bound to; see {@link KVPair.binding}. */
export type Binding = 'lease'

/** A {@link KVPair} as JSON. */
export interface KVPairJSON {
  readonly key: string
  readonly value: string
  readonly revision: string
  readonly createRevision: string
  readonly binding?: Binding
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** What a pair is made of, such as an entry of a driver. */
interface PairFields {
  readonly key: string
  readonly value: Uint8Array
  readonly revision: bigint
  readonly createRevision: bigint
  readonly binding?: Binding | undefined
}

/** The one implementation of {@link KVPair}. */
export class Pair implements KVPair {
  readonly key: string
  readonly value: Uint8Array
  readonly revision: bigint
  readonly createRevision: bigint
  declare readonly binding?: Binding

  constructor({ key, value, revision, createRevision, binding }: PairFields) {
    this.key = key
    this.value = ownMemory(value)
    this.revision = revision
    this.createRevision = createRevision
    if (binding !== undefined) this.binding = binding
  }

  text(): string {
    return utf8.decode(this.value)
  }

  json<T>(): T {
    return JSON.parse(this.text()) as T
  }

  toJSON(): KVPairJSON {
    const { key, value, revision, createRevision, binding } = this
    return {
      key,
      value: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'),
      revision: revision.toString(),
      createRevision: createRevision.toString(),
      ...(binding !== undefined && { binding }),
    }
  }
}

/** The bytes as a plain array over a buffer of its own: those of a driver may be part of a whole answer. */
function ownMemory(value: Uint8Array): Uint8Array {
  const isOwn = value.byteLength === value.buffer.byteLength && value.constructor === Uint8Array
  return isOwn ? value : new Uint8Array(value)
}
