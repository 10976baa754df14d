// One candidate in a process of its own. It is told what to do, and says what it does, over the channel to its parent; what must
// not be lost when it is killed it writes to a file.
import { subscribe } from 'node:diagnostics_channel'
import { isLibkvError } from '@libkv/core'
import { abortable } from '@libkv/core/driver'
import type { SessionMessage } from '@libkv/core'
import { Candidate } from '@libkv/leadership'
import type { Term } from '@libkv/leadership'
import { backendOf } from './backends.ts'
import { CandidateLog, clock } from './candidate-log.ts'
import { ELECTION, NAMESPACE } from './messages.ts'
import type { Command, Report, WorkerSettings } from './messages.ts'

/** Between two looks at `isLeader()` while it leads, and between two writes, in milliseconds. */
const LOOK_INTERVAL = 1
const WRITE_INTERVAL = 30

const settings = JSON.parse(process.argv[2] ?? '') as WorkerSettings
const { id, ttl } = settings
const kv = backendOf(settings.backend).open(settings.endpoints, { namespace: NAMESPACE })
const candidate = new Candidate(kv, ELECTION, { id, ttl })
const log = new CandidateLog(settings.log)
let writes = 0

const tell = (report: Report): void => {
  process.send?.(report)
}

const describe = (error: unknown): string =>
  isLibkvError(error) ? `${error.code}: ${error.message}` : String(error)

subscribe('libkv:session', (message) => {
  const { event, id: session } = message as SessionMessage
  if (event === 'opened') tell({ type: 'session', session })
})

/** A look that says yes counts as of the moment before it, one that says no as of the moment after: it may be stopped in between. */
function look(): void {
  const before = clock()
  const { token } = candidate
  log.look(token === undefined ? clock() : before, token)
}

let looking: NodeJS.Timeout | undefined
function lookAgain(): void {
  look()
  if (log.believes) return
  clearInterval(looking)
  looking = undefined
}

candidate.on('elected', ({ token }) => {
  look()
  looking ??= setInterval(lookAgain, LOOK_INTERVAL)
  tell({ type: 'elected', token, at: clock() })
})
candidate.on('lost', look)
candidate.on('resigned', look)
candidate.on('error', (error) => {
  tell({ type: 'error', text: describe(error) })
})

/** `accepted`, or the code of the error. */
async function write(arm: 'fenced' | 'unfenced', term: Term): Promise<string> {
  const key = `${arm}/${id}-${String(++writes)}`
  try {
    await (arm === 'fenced' ? term.fenced : kv).put(key, String(term.token))
    return 'accepted'
  } catch (error) {
    if (!isLibkvError(error)) throw error
    if (arm === 'fenced' && error.code === 'LOCK_LOST') log.refused(key)
    return error.code
  }
}

/** The work of a leader: it writes, with a fence and without. */
async function lead(term: Term): Promise<void> {
  while (!term.signal.aborted) {
    const at = clock()
    const both = Promise.all([write('fenced', term), write('unfenced', term)])
    const [fenced] = await abortable(both, term.signal)
    if (fenced === 'accepted') tell({ type: 'wrote', token: term.token, at })
    await abortable(new Promise((resolve) => setTimeout(resolve, WRITE_INTERVAL)), term.signal)
  }
}

/** The mistake that fencing is for: it looks whether it leads, is stopped for long, and writes. */
async function writeLate(): Promise<void> {
  const { term } = candidate
  if (term === undefined) {
    tell({ type: 'leads not' })
    return
  }
  look()
  const stopped = clock()
  process.kill(process.pid, 'SIGSTOP')
  // The signal may reach another thread of this process first.
  while (clock() - stopped < 50_000_000n);
  look()
  const [fenced, unfenced] = await Promise.all([write('fenced', term), write('unfenced', term)])
  tell({ type: 'wrote late', token: term.token, fenced, unfenced })
}

async function resign(): Promise<void> {
  look()
  if (!candidate.isLeader()) tell({ type: 'leads not' })
  await candidate.resign()
}

async function stop(): Promise<void> {
  look()
  await candidate.stop()
  look()
  await kv.close()
  process.exit(0)
}

process.on('message', (command: Command) => {
  void (command === 'resign' ? resign() : writeLate())
})
process.on('SIGTERM', () => void stop())
process.on('disconnect', () => process.exit(1))

void candidate.run(lead).catch((error: unknown) => {
  tell({ type: 'error', text: describe(error) })
  throw error
})
