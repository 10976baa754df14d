import { waitFor } from '../servers/index.ts'
import type { Election } from './election.ts'
import type { WorkerProcess } from './worker-process.ts'

/** Puts right what a fault left behind. */
type Heal = () => Promise<void>

export interface Fault {
  readonly name: string
  /** How many of a hundred. */
  readonly share: number
  /** Whether the leader loses its office by it in any case. */
  readonly deposes: boolean
  readonly inflict: (election: Election, leader: WorkerProcess) => Promise<Heal>
}

const nothing: Heal = async () => {}

const resignation: Fault = {
  name: 'resignation',
  share: 58,
  deposes: true,
  inflict: async (_, leader) => {
    leader.resign()
    return nothing
  },
}

const termination: Fault = {
  name: 'SIGTERM',
  share: 12,
  deposes: true,
  inflict: async (election, leader) => {
    leader.signal('SIGTERM')
    return () => election.replace(leader)
  },
}

const death: Fault = {
  name: 'SIGKILL',
  share: 8,
  deposes: true,
  inflict: async (election, leader) => {
    leader.signal('SIGKILL')
    return () => election.replace(leader)
  },
}

const freeze: Fault = {
  name: 'SIGSTOP',
  share: 4,
  deposes: true,
  inflict: async (_, leader) => {
    leader.signal('SIGSTOP')
    return async () => {
      const before = leader.looks
      leader.signal('SIGCONT')
      await waitFor(() => leader.looks > before, { what: `${leader.id} to look again` })
    }
  },
}

const isolation: Fault = {
  name: 'cut off from the store',
  share: 4,
  deposes: true,
  inflict: async (_, leader) => {
    leader.cutOff()
    return async () => {
      leader.reconnect()
    }
  },
}

const lostSession: Fault = {
  name: 'session destroyed',
  share: 6,
  deposes: true,
  inflict: async ({ backendCase, servers }, leader) => {
    await backendCase.destroySession(servers.endpoints[0] ?? '', leader.session ?? '')
    return nothing
  },
}

const storeLeaderDeath: Fault = {
  name: "store's leader killed",
  share: 4,
  deposes: false,
  inflict: async ({ servers }) => {
    const node = await servers.leader()
    await node.kill()
    return () => node.start()
  },
}

const storeLeaderFreeze: Fault = {
  name: "store's leader frozen",
  share: 4,
  deposes: false,
  inflict: async ({ servers }) => {
    const node = await servers.leader()
    await node.freeze()
    return () => node.resume()
  },
}

export const faults: readonly Fault[] = [
  resignation,
  termination,
  death,
  freeze,
  isolation,
  lostSession,
  storeLeaderDeath,
  storeLeaderFreeze,
]

/** Those in which a leader that does not know better writes after its time. */
export const temptations: readonly Fault[] = [freeze, isolation]

/** As many of each as its share is, at least one, in an order that the seed decides. */
export function schedule(handOvers: number, seed: number): Fault[] {
  const deposing = faults.reduce((sum, { deposes, share }) => sum + (deposes ? share : 0), 0)
  const all = faults.flatMap((fault) => {
    const count = Math.max(1, Math.round((handOvers * fault.share) / deposing))
    return Array.from({ length: count }, () => fault)
  })
  // Rounding may have lost one or two.
  const missing = handOvers - all.filter(({ deposes }) => deposes).length
  for (let i = 0; i < missing; i++) all.push(resignation)
  return shuffled(all, seed)
}

function shuffled<T>(items: readonly T[], seed: number): T[] {
  const result = [...items]
  let state = seed
  for (let i = result.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const j = state % (i + 1)
    ;[result[i], result[j]] = [result[j] as T, result[i] as T]
  }
  return result
}
