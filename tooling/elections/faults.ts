import { waitFor } from '@libkv/testing'
import { clock } from './candidate-log.ts'
import { PATIENCE } from './election.ts'
import type { Inflict } from './election.ts'
import type { Fault } from './history.ts'

export const faults: Readonly<Record<Fault, Inflict>> = {
  async resigns(election, leader) {
    leader.seat.process.tell('resign')
    return await election.succeeded(leader)
  },

  async SIGTERM(election, leader) {
    leader.seat.process.signal('SIGTERM')
    return await election.succeeded(leader)
  },

  async SIGKILL(election, leader) {
    leader.seat.process.signal('SIGKILL')
    return await election.succeeded(leader)
  },

  async SIGSTOP(election, leader) {
    const { seat, token } = leader
    const { process } = seat
    const from = clock()
    process.signal('SIGSTOP')
    await election.succeeded(leader)
    // It may have been told of its end before it was stopped.
    const isVictim = !process.hasDenied(token)
    const to = clock()
    process.signal('SIGCONT')
    if (!isVictim) return false
    election.freezes.push({ process: process.id, token, from, to })
    await waitFor(() => process.hasDenied(token), { what: 'a look after the freeze' })
    return true
  },

  async 'SIGSTOP before a write'(election, leader) {
    const { seat, token } = leader
    const { process } = seat
    const from = clock()
    process.tell('stop before a write')
    if (!(await election.succeeded(leader))) return false
    const to = clock()
    process.signal('SIGCONT')
    election.freezes.push({ process: process.id, token, from, to })
    await waitFor(() => election.lateWrites.some((late) => late.token === token), {
      what: 'the late writes to be answered',
      timeout: PATIENCE,
    })
    return true
  },

  async 'cut off'(election, leader) {
    const { proxies } = leader.seat
    const isSilent = election.random() < 0.7
    for (const proxy of proxies) {
      if (isSilent) proxy.blackhole()
      else proxy.reject()
    }
    try {
      return await election.succeeded(leader)
    } finally {
      // What was held arrives now, the writes of the old leader among it.
      for (const proxy of proxies) proxy.pass()
    }
  },

  async 'session destroyed'(election, leader) {
    await election.destroySession(leader.seat.process.session)
    return await election.succeeded(leader)
  },

  async "store's leader killed"(election) {
    const node = await election.servers.leader()
    await node.kill()
    try {
      await election.isLedSince(clock())
    } finally {
      await node.start()
    }
    return true
  },

  async "store's leader frozen"(election) {
    const node = await election.servers.leader()
    await node.freeze()
    try {
      await election.isLedSince(clock())
    } finally {
      await node.resume()
    }
    return true
  },
}
