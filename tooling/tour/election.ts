import type { Driver } from '@libkv/core/driver'
import type { Store } from '@libkv/core'
import type { Leader } from '@libkv/leadership'
import { Contest } from './contest.ts'
import { heading, milliseconds, say, show } from './narrator.ts'

const ELECTION = 'scheduler/leader'
const WORK = 'scheduler/last-job'

/**
 * The chapter on leader election: three processes, of which the one that leads is frozen, told to end, and killed.
 *
 * @param access - how another process opens the store: by its URL, or over the driver where it is within this process.
 * @param signal - ends it early.
 */
export async function electing(
  store: Store,
  access: string | Driver,
  namespace: string,
  signal: AbortSignal,
): Promise<void> {
  heading('An election between processes')
  const ttl = Math.max(1_000, store.capabilities.ttl.min)
  const settings = { store, access, namespace, election: ELECTION, work: WORK, ttl }
  await using contest = new Contest(3, settings, signal)
  say('Three processes stand for election, each with a Candidate. Each leader writes what it does')
  say(`with term.fenced. One that falls silent is missed for its ttl, here ${milliseconds(ttl)}.`)
  show('in line', (await contest.line(3)).join(', '))
  const first = await contest.leader()
  show('elected', `${first.id}, with fencing token ${String(first.token)}`)

  const after = async (
    leader: Leader,
    fault: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP',
  ): Promise<Leader> => {
    const { leader: next, took } = await contest.handOver(leader, fault)
    const token = `with token ${String(next.token)}`
    show(`${fault} to ${leader.id}`, `${next.id} leads after ${milliseconds(took)}, ${token}`)
    return next
  }

  say('A leader freezes, as in a long garbage collection, and does not know that its time is over:')
  const second = await after(first, 'SIGSTOP')
  await contest.worked(second)
  show(`${first.id} wakes up and writes`, await contest.wakeUpAndWrite(first))
  show(`await kv.get('${WORK}')`, (await store.get(WORK))?.text())
  say('A leader that is told to end hands over at once; whoever lost an election is back in line:')
  const third = await after(second, 'SIGTERM')
  show('in line', (await contest.line(2)).join(', '))
  say('A leader that is killed says nothing, and is missed:')
  const fourth = await after(third, 'SIGKILL')
  show(`SIGTERM to ${fourth.id}`, (await contest.end(fourth)) ?? 'nobody leads, nobody is left')
  const tokens = [first, second, third, fourth].map(({ token }) => String(token))
  show('tokens only ever grow', tokens.join(' < '))
}
