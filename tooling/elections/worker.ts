// One process of an election: says all the time whether it leads, and writes as long as it does.
import { subscribe } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { isLibkvError } from '@libkv/core'
import type { SessionMessage } from '@libkv/core'
import { Candidate } from '@libkv/leadership'
import type { Backend } from '../servers/index.ts'
import { backendCases } from './backends.ts'
import type { Line } from './history.ts'

/** What the process is started with, as JSON. */
export interface WorkerOptions {
  readonly id: string
  readonly backend: Backend
  readonly endpoints: readonly string[]
  readonly ttl: number
  /** Whether what it writes is protected by its token. */
  readonly isFenced: boolean
}

/** How often it looks whether it leads, and how long it works between its look and its write, in milliseconds. */
const LOOK = 2
const WORK = 20

const { id, backend, endpoints, ttl, isFenced } = JSON.parse(
  process.argv[2] ?? '{}',
) as WorkerOptions
const backendCase = backendCases[backend]
if (backendCase === undefined) throw new Error(`${backend} is not here`)
const store = backendCase.open(endpoints)
const candidate = new Candidate(store, 'election', { id, ttl })

/** Written to a pipe, which is synchronous: what was said is heard also if the process is killed. */
const say = (line: Line): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
const clock = (): string => process.hrtime.bigint().toString()

let hasLed = false
function look(): void {
  const from = clock()
  const token = candidate.token
  const to = clock()
  const leads = token !== undefined
  // That it still does not lead is no news.
  if (leads || hasLed) say({ what: 'look', from, to, ...(leads && { token: token.toString() }) })
  hasLed = leads
}

candidate.on('elected', look)
setInterval(look, LOOK)

subscribe('libkv:session', (message) => {
  const { event, id: session } = message as SessionMessage
  if (event === 'opened') say({ what: 'session', id: session })
})

process.on('message', (command) => {
  if (command === 'resign') candidate.resign().catch(() => undefined)
})
// Whoever started it is gone.
process.once('disconnect', () => process.exit(1))
process.once('SIGTERM', () => {
  void (async () => {
    await candidate.stop()
    await store.close()
    process.exit(0)
  })()
})

say({ what: 'ready' })
await candidate.run(async ({ token, fenced }) => {
  const said = { token: token.toString() }
  for (let n = 0; candidate.isLeader(); n++) {
    // The classic mistake, which fencing is for: what was true before the work is taken for true after it.
    await sleep(WORK)
    const target = isFenced ? fenced : store
    try {
      await target.put(`writes/${token}/${n}`, id, { timeout: ttl })
      say({ what: 'wrote', ...said })
    } catch (error) {
      if (isLibkvError(error, 'LOCK_LOST')) say({ what: 'refused', ...said })
      // Any other failure says nothing about the term.
    }
  }
})
