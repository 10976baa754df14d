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

/** What the server has after an attempt. */
interface Attempt {
  readonly isWritten: boolean
  /** Whether the entry is what this attempt wrote. */
  readonly isOurs: boolean
  readonly entry: KvJson | undefined
}

/**
 * Writes a value over 383 KiB, which in base64 is too much for a transaction, with a `PUT`. That answers yes or no only, so
 * that the revision takes a second round trip, in which the flags tell whether what is there is what was written.
 */
export async function putLargeValue(
  client: ConsulClient,
  runtime: Runtime,
  [check]: readonly Check[],
  write: BoundWrite & { type: 'put' },
  call: Call,
): Promise<CommitOutcome> {
  const path = `kv/${pathOf(write.key)}`
  const attempt = async (condition: string): Promise<Attempt> => {
    const flags = nonce(runtime)
    const put = `${path}?flags=${String(flags)}${condition}`
    const { body } = await client.request(
      { method: 'PUT', path: put, body: write.value },
      [200],
      call,
    )
    const get = { method: 'GET', path: `${path}?consistent` } as const
    const { status, body: found } = await client.request(get, [200, 404], call)
    const entry = status === 404 ? undefined : (JSON.parse(found.toString()) as KvJson[])[0]
    return { isWritten: body.toString().startsWith('true'), isOurs: entry?.Flags === flags, entry }
  }
  const acquire = write.sessionId === undefined ? '' : `&acquire=${write.sessionId}`
  let condition = check === undefined ? acquire : casOf(check.expected?.revision)
  for (let i = 0; i < ATTEMPTS; i++) {
    const made = await attempt(condition)
    const outcome = outcomeOf(made, write, check)
    if (outcome !== undefined) return outcome
    condition = releaseOf(made, write, check) ?? acquire
  }
  throw new LibkvError('BACKEND_ERROR', 'the key is overwritten all the time', { ambiguous: true })
}

/** The outcome, if the attempt shows it; otherwise the write has to be made again. */
function outcomeOf(
  made: Attempt,
  { sessionId }: BoundWrite & { type: 'put' },
  check: Check | undefined,
): CommitOutcome | undefined {
  const { isWritten, isOurs, entry } = made
  if (!isWritten && check !== undefined) {
    return { committed: false, failed: 0, current: entry === undefined ? null : undefined }
  }
  if (isHeldByAnother(made, sessionId)) return undefined
  if (isWritten && isOurs && entry && (entry.Session === sessionId || sessionId === undefined)) {
    const createRevision = BigInt(entry.CreateIndex)
    const existed = entry.CreateIndex < entry.ModifyIndex
    return {
      committed: true,
      revision: BigInt(entry.ModifyIndex),
      results: [{ existed, createRevision }],
    }
  }
  if (isWritten && check !== undefined) {
    const message = 'it was written, and overwritten before its revision could be read'
    throw new LibkvError('BACKEND_ERROR', message, { ambiguous: true })
  }
  // Overwritten, or released and not acquired yet: the same write once more is a later one.
  return undefined
}

/** The condition of the write that puts the value there and unbinds the key from its session. */
function releaseOf(
  made: Attempt,
  { sessionId }: BoundWrite & { type: 'put' },
  check: Check | undefined,
): string | undefined {
  const { entry } = made
  if (!isHeldByAnother(made, sessionId)) return undefined
  const cas = check === undefined ? '' : casOf(entry?.ModifyIndex)
  return `&release=${String(entry?.Session)}${cas}`
}

const isHeldByAnother = (
  { entry, isOurs, isWritten }: Attempt,
  sessionId: string | undefined,
): boolean => entry?.Session !== undefined && entry.Session !== sessionId && (isOurs || !isWritten)

const casOf = (revision: bigint | number = 0): string => `&cas=${String(revision)}`
