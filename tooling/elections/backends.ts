import { consul } from '@libkv/consul'
import type { Store } from '@libkv/core'
import { etcd } from '@libkv/etcd'
import { httpRequest } from '../servers/http-request.ts'
import type { Backend } from '../servers/index.ts'

/** All that differs between the backends in these tests. */
export interface BackendCase {
  readonly open: (endpoints: readonly string[]) => Store
  /** What an operator does who ends a session, on any of the servers. */
  readonly destroySession: (endpoint: string, id: string) => Promise<void>
}

async function ask(url: string, method: string, body?: string): Promise<void> {
  const answer = await httpRequest(url, {
    method,
    timeout: 5_000,
    ...(body !== undefined && { body }),
  })
  if (answer.status !== 200) throw new Error(`${url}: ${answer.status} ${answer.body}`)
}

export const backendCases: Partial<Record<Backend, BackendCase>> = {
  etcd: {
    open: (endpoints) => etcd(endpoints),
    destroySession: (endpoint, id) =>
      ask(`${endpoint}/v3/lease/revoke`, 'POST', JSON.stringify({ ID: id })),
  },
  consul: {
    // What the test servers have as their session_ttl_min.
    open: (endpoints) => consul(endpoints, { minimumTtl: 1_000 }),
    destroySession: (endpoint, id) => ask(`${endpoint}/v1/session/destroy/${id}`, 'PUT'),
  },
}
