// One candidate in a process of its own: what an instance of a service does, and one mistake.
import { once } from 'node:events'
import { isLibkvError, newStore } from '@libkv/core'
import { openStore } from '@libkv/core/driver'
import type { ErrorCode, Store } from '@libkv/core'
import { Candidate } from '@libkv/leadership'
import type { Term } from '@libkv/leadership'
import { ChannelDriver } from './channel-driver.ts'
import type { DriverFacts } from './channel-driver.ts'

/** What it is started with, as JSON. */
export interface CandidateSettings {
  /** The URL of the store, or what there is to know of the one that the parent process has. */
  readonly store: string | DriverFacts
  readonly namespace: string
  /** The key of the election, and one that its leaders write their id to. */
  readonly election: string
  readonly work: string
  readonly ttl: number
}

/** What came of the write that it was told to make. */
export interface WroteLate {
  readonly type: 'wrote late'
  readonly outcome: 'accepted' | ErrorCode
}

const { store, namespace, election, work, ttl } = JSON.parse(
  process.argv[2] ?? '',
) as CandidateSettings
const id = `pid ${String(process.pid)}`
let latest: Term | undefined

const kv = await open()
const candidate = new Candidate(kv, election, { id, ttl })
process.on('SIGTERM', () => void candidate.stop())
// The keyboard interrupts all processes at once, and it is the tour that ends the others.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit())
process.on('message', (message) => {
  if (message === 'write late') void writeLate()
})

await candidate.run(async (term) => {
  latest = term
  await term.fenced.put(work, id)
  if (!term.signal.aborted) await once(term.signal, 'abort')
})
await kv.close()
process.disconnect()

async function open(): Promise<Store> {
  if (typeof store !== 'string') return openStore(new ChannelDriver(store, process), { namespace })
  return newStore(store, undefined, { namespace, connectionTimeout: 5_000 })
}

/** What a leader does that was frozen after its last look at whether it leads: it writes. */
async function writeLate(): Promise<void> {
  if (latest === undefined) throw new Error(`${id} has never led`)
  const outcome = await latest.fenced.put(work, id).then(
    () => 'accepted' as const,
    (error: unknown) => {
      if (isLibkvError(error)) return error.code
      throw error
    },
  )
  process.send?.({ type: 'wrote late', outcome } satisfies WroteLate)
}
