import { consul } from '@libkv/consul'
import type { Store, StoreOptions } from '@libkv/core'
import { etcd } from '@libkv/etcd'
import { zookeeper } from '@libkv/zookeeper'
import { httpRequest } from '@libkv/testing/servers/http-request'
import type { Backend } from '@libkv/testing/servers'
import type { Fault } from './history.ts'
import { closeSession } from './zookeeper-operator.ts'

/** All that the elections know of a backend. */
export interface ElectionBackend {
  readonly open: (endpoints: readonly string[], options?: StoreOptions) => Store
  /** Ends a session as an operator would, without asking whoever has it. */
  readonly destroySession: (endpoint: string, id: string) => Promise<void>
  /** The faults in which the servers end a session before the time that they have granted. */
  readonly withdrawals: readonly Fault[]
}

export const backends: Partial<Record<Backend, ElectionBackend>> = {
  etcd: {
    open: etcd,
    destroySession: (endpoint, ID) =>
      send(`${endpoint}/v3/lease/revoke`, 'POST', JSON.stringify({ ID })),
    // A server that led and was frozen revokes what its successor has renewed (etcd-io/etcd#15247; seen with 3.5.16).
    withdrawals: ['session destroyed', "store's leader frozen"],
  },
  consul: {
    // What the test servers have as their session_ttl_min.
    open: (endpoints, options) => consul(endpoints, { minimumTtl: 1_000, ...options }),
    destroySession: (endpoint, id) => send(`${endpoint}/v1/session/destroy/${id}`, 'PUT', ''),
    withdrawals: ['session destroyed'],
  },
  zookeeper: {
    // What the test servers have as their tickTime.
    open: (endpoints, options) => zookeeper(endpoints, { tickTime: 500, ...options }),
    destroySession: closeSession,
    withdrawals: ['session destroyed'],
  },
}

export function backendOf(name: Backend): ElectionBackend {
  const backend = backends[name]
  if (backend === undefined) throw new Error(`there are no elections on ${name}`)
  return backend
}

async function send(url: string, method: string, body: string): Promise<void> {
  const answer = await httpRequest(url, { method, body })
  if (answer.status !== 200) throw new Error(`${url}: ${String(answer.status)} ${answer.body}`)
}
