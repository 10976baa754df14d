import { describe, expect, it } from '@jest/globals'
import { credentials } from '@grpc/grpc-js'
import type { ServiceClientConstructor } from '@grpc/grpc-js'
import { Host } from 'etcd3/lib/connection-pool.js'
import fc from 'fast-check'
import {
  decodeDelete,
  decodePut,
  decodeRange,
  decodeTxn,
  decodeWatch,
  encodeDelete,
  encodePut,
  encodeRange,
  encodeTxn,
  encodeWatch,
} from '../src/etcd-codec.ts'

/** etcd3's own reading and writing of the same messages, from etcd's proto files. */
function reference(
  service: 'KV' | 'Watch',
  path: string,
): {
  readRequest: (bytes: Uint8Array) => Record<string, unknown>
  writeReply: (reply: object) => Buffer
} {
  const host = new Host('127.0.0.1:1', credentials.createInsecure())
  const client = host.getServiceClient(service)
  const { service: methods } = client.constructor as ServiceClientConstructor
  client.close()
  const method = Object.values(methods).find((definition) => definition.path === path)
  if (method === undefined) throw new Error(`no ${path}`)
  return {
    readRequest: (bytes) =>
      method.requestDeserialize(Buffer.from(bytes)) as Record<string, unknown>,
    writeReply: (reply) => method.responseSerialize(reply),
  }
}

const range = reference('KV', '/etcdserverpb.KV/Range')
const put = reference('KV', '/etcdserverpb.KV/Put')
const deleteRange = reference('KV', '/etcdserverpb.KV/DeleteRange')
const txn = reference('KV', '/etcdserverpb.KV/Txn')
const watch = reference('Watch', '/etcdserverpb.Watch/Watch')

const key = fc.string({ unit: 'binary', minLength: 1 })
const value = fc.uint8Array()
const revision = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n })
const int64 = revision.map(String)
const bytes = (text: string): Buffer => Buffer.from(text)
const pair = fc.record({ key, value, revision, createRevision: revision })

const wire = (entry: {
  key: string
  value: Uint8Array
  revision: bigint
  createRevision: bigint
}): object => ({
  key: bytes(entry.key),
  value: Buffer.from(entry.value),
  mod_revision: String(entry.revision),
  create_revision: String(entry.createRevision),
  version: '7',
  lease: '9',
})
const header = (at: bigint): object => ({
  revision: String(at),
  cluster_id: '1',
  member_id: '2',
  raft_term: '3',
})

describe("the codec, against etcd3's", () => {
  it('writes a read', () => {
    fc.assert(
      fc.property(
        key,
        fc.option(key),
        fc.boolean(),
        fc.boolean(),
        fc.nat(),
        revision,
        (from, to, keysOnly, stale, limit, at) => {
          const end = to === null ? undefined : bytes(to)
          const message = range.readRequest(
            encodeRange({ key: from, end, keysOnly, stale, limit, revision: at }),
          )
          expect(message).toMatchObject({
            key: bytes(from),
            range_end: end ?? Buffer.alloc(0),
            keys_only: keysOnly,
            serializable: stale,
            limit: String(limit),
            revision: String(at),
          })
        },
      ),
    )
  })

  it('reads the answer to a read', () => {
    fc.assert(
      fc.property(fc.array(pair), revision, fc.boolean(), (entries, at, more) => {
        const message = range.writeReply({
          header: header(at),
          kvs: entries.map(wire),
          more,
          count: '3',
        })
        const reply = decodeRange(message)
        expect(reply.revision).toBe(at)
        expect(reply.entries.map(plain)).toEqual(entries.map(plain))
        expect(reply.next !== undefined).toBe(more && entries.length > 0)
      }),
    )
  })

  it('writes a put, and reads its answer', () => {
    fc.assert(
      fc.property(pair, fc.option(int64), fc.boolean(), (entry, lease, keepSession) => {
        const message = put.readRequest(
          encodePut({
            type: 'put',
            key: entry.key,
            value: entry.value,
            keepSession,
            ...(lease !== null && { lease }),
          }),
        )
        expect(message).toMatchObject({
          key: bytes(entry.key),
          value: Buffer.from(entry.value),
          lease: lease ?? '0',
          prev_kv: true,
          ignore_lease: keepSession,
        })
        const answer = put.writeReply({ header: header(entry.revision), prev_kv: wire(entry) })
        expect(decodePut(answer)).toEqual({
          revision: entry.revision,
          createRevision: entry.createRevision,
        })
      }),
    )
  })

  it('writes a delete, and reads its answer', () => {
    fc.assert(
      fc.property(key, revision, fc.nat(), (name, at, deleted) => {
        expect(deleteRange.readRequest(encodeDelete({ key: name }))).toMatchObject({
          key: bytes(name),
        })
        const answer = deleteRange.writeReply({ header: header(at), deleted: String(deleted) })
        expect(decodeDelete(answer)).toEqual({ revision: at, deleted })
      }),
    )
  })

  it('writes a transaction', () => {
    const expected = fc.option(fc.record({ revision, createRevision: revision }))
    fc.assert(
      fc.property(
        fc.array(fc.record({ key, expected })),
        fc.array(pair),
        fc.array(key),
        (checks, puts, deletes) => {
          const message = txn.readRequest(
            encodeTxn({
              checks,
              writes: [
                ...puts.map((entry) => ({
                  type: 'put' as const,
                  key: entry.key,
                  value: entry.value,
                })),
                ...deletes.map((name) => ({ type: 'delete' as const, key: name })),
              ],
            }),
          )
          expect(message['compare']).toMatchObject(
            checks.map((check) =>
              check.expected === null
                ? { key: bytes(check.key), result: 'Equal', target: 'Create', create_revision: '0' }
                : {
                    key: bytes(check.key),
                    result: 'Equal',
                    target: 'Mod',
                    mod_revision: String(check.expected.revision),
                  },
            ),
          )
          expect(message['success']).toMatchObject([
            ...puts.map((entry) => ({
              request_put: {
                key: bytes(entry.key),
                value: Buffer.from(entry.value),
                prev_kv: true,
              },
            })),
            ...deletes.map((name) => ({ request_delete_range: { key: bytes(name) } })),
          ])
          expect(message['failure']).toMatchObject(
            checks.map((check) => ({ request_range: { key: bytes(check.key) } })),
          )
        },
      ),
    )
  })

  it('reads the answer to a transaction', () => {
    fc.assert(
      fc.property(
        revision,
        fc.boolean(),
        fc.array(pair),
        pair,
        fc.nat(),
        (at, succeeded, entries, before, deleted) => {
          const message = txn.writeReply({
            header: header(at),
            succeeded,
            responses: [
              { response_range: { header: header(at), kvs: entries.map(wire) } },
              { response_put: { header: header(at), prev_kv: wire(before) } },
              { response_put: { header: header(at) } },
              { response_delete_range: { header: header(at), deleted: String(deleted) } },
            ],
          })
          const reply = decodeTxn(message)
          expect(reply).toMatchObject({ revision: at, succeeded })
          expect(reply.replies[0]?.entries.map(plain)).toEqual(entries.map(plain))
          expect(reply.replies[1]?.createRevision).toBe(before.createRevision)
          expect(reply.replies[2]?.createRevision).toBeUndefined()
          expect(reply.replies[3]?.deleted).toBe(deleted)
        },
      ),
    )
  })

  it('writes the request of a watch, and reads what comes', () => {
    fc.assert(
      fc.property(
        pair,
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        fc.string(),
        revision,
        (entry, created, canceled, fragment, reason, at) => {
          expect(
            watch.readRequest(encodeWatch({ key: entry.key, end: bytes('z'), from: at })),
          ).toMatchObject({
            create_request: {
              key: bytes(entry.key),
              range_end: bytes('z'),
              start_revision: String(at),
              progress_notify: true,
              fragment: true,
            },
          })
          const message = watch.writeReply({
            header: header(at),
            created,
            canceled,
            cancel_reason: reason,
            compact_revision: String(at),
            fragment,
            events: [
              { type: 0, kv: wire(entry) },
              { type: 1, kv: wire(entry) },
            ],
          })
          const reply = decodeWatch(message)
          expect(reply).toMatchObject({
            revision: at,
            created,
            cancelled: canceled,
            cancelReason: reason,
            compactRevision: at,
            fragment,
          })
          const [first, second] = reply.events
          expect(first?.type === 'put' && plain(first.entry)).toEqual(plain(entry))
          expect(second).toEqual({ type: 'delete', key: entry.key, revision: entry.revision })
        },
      ),
    )
  })

  it('leaves out keys that are no text', () => {
    const message = range.writeReply({
      header: header(1n),
      kvs: [{ key: Buffer.from([0xff]), mod_revision: '1', create_revision: '1' }],
    })
    expect(decodeRange(message).entries).toEqual([])
  })
})

const plain = (entry: {
  key: string
  value: Uint8Array
  revision: bigint
  createRevision: bigint
}): unknown[] => [
  entry.key,
  Buffer.from(entry.value).toString('hex'),
  entry.revision,
  entry.createRevision,
]
