import { LibkvError } from '@libkv/core'
import type { Call, Check, CommitOutcome } from '@libkv/core/driver'
import type { Runtime } from '@libkv/core'
import type { ConsulClient } from './consul-client.ts'
import { nonce, pathOf } from './consul-codec.ts'
import type { KvJson } from './consul-codec.ts'
import type { BoundWrite } from './consul-commit-plan.ts'

const ATTEMPTS = 10

/** Whether a commit that is too large for a transaction can be made by a `PUT` of its value. */
export function fitsLargeValue(checks: readonly Check[], writes: readonly BoundWrite[]): boolean {
  const [write] = writes
  if (write?.type !== 'put' || writes.length > 1 || checks.length > 1) return false
  return checks.every(({ key }) => key === write.key && write.sessionId === undefined)
}

/**
 * Writes a value over 383 KiB, which in base64 is too much for a transaction, with a `PUT`. That answers yes or no only, so
 * that the revision takes a second round trip, in which the flags tell whether what is there is what was written.
 */
export async function putLargeValue(
  client: ConsulClient,
  runtime: Runtime,
  checks: readonly Check[],
  write: BoundWrite & { type: 'put' },
  call: Call,
): Promise<CommitOutcome> {
  const path = `kv/${pathOf(write.key)}`
  const read = async (): Promise<KvJson | undefined> => {
    const { status, body } = await client.request(
      { method: 'GET', path: `${path}?consistent` },
      [200, 404],
      call,
    )
    return status === 404 ? undefined : (JSON.parse(body.toString()) as KvJson[])[0]
  }
  const { sessionId, value } = write
  const [check] = checks
  let condition = sessionId === undefined ? '' : `&acquire=${sessionId}`
  if (check !== undefined) condition = `&cas=${String(check.expected?.revision ?? 0)}`
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const flags = nonce(runtime)
    const { body } = await client.request(
      { method: 'PUT', path: `${path}?flags=${String(flags)}${condition}`, body: value },
      [200],
      call,
    )
    const written = body.toString().startsWith('true')
    const entry = await read()
    const isOurs = entry?.Flags === flags
    if (!written && check !== undefined) {
      return { committed: false, failed: 0, current: entry === undefined ? null : undefined }
    }
    // A key that is held by a session is to lose it, in the write that puts the value there.
    if (entry?.Session !== undefined && entry.Session !== sessionId && (isOurs || !written)) {
      condition = `&release=${entry.Session}`
      if (check !== undefined) condition += `&cas=${String(entry.ModifyIndex)}`
      continue
    }
    if (written && isOurs && (entry.Session === sessionId || sessionId === undefined)) {
      const createRevision = BigInt(entry.CreateIndex)
      const existed = entry.CreateIndex < entry.ModifyIndex
      return {
        committed: true,
        revision: BigInt(entry.ModifyIndex),
        results: [{ existed, createRevision }],
      }
    }
    if (written && check !== undefined) {
      const message = 'it was written, and overwritten before its revision could be read'
      throw new LibkvError('BACKEND_ERROR', message, { ambiguous: true })
    }
    // Overwritten, or released and not acquired yet: the same write once more is a later one.
    condition = sessionId === undefined ? '' : `&acquire=${sessionId}`
  }
  throw new LibkvError('BACKEND_ERROR', 'the key is overwritten all the time', { ambiguous: true })
}
