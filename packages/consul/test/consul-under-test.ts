import { consul } from '@libkv/consul'
import type { BackendUnderTest } from '@libkv/testing/backend-cases/backend-under-test'
import { RequestCounter } from '@libkv/testing/servers'
import type { Servers } from '@libkv/testing/servers'
import { consulCapabilities } from '../src/consul-driver.ts'

/** What the test servers have as their session_ttl_min, in milliseconds. */
export const MINIMUM_TTL = 1_000

/** Consul, as the cases that all backends share know it. */
export const consulUnderTest: BackendUnderTest = {
  backend: 'consul',
  capabilities: consulCapabilities(MINIMUM_TTL),
  openAt: (addresses, options) => consul(addresses, { minimumTtl: MINIMUM_TTL, ...options }),
  accessTo(servers) {
    const { tls, credentials } = servers as Servers<'consul'>
    return {
      ...(tls && { tls: { ca: tls.ca, cert: tls.cert, key: tls.key } }),
      ...(credentials && { token: credentials.token }),
    }
  },
  // It counts half of it as safe.
  steadyTtl: 20_000,
  countTo: (endpoint) => RequestCounter.to(endpoint, 'GET /v1/status/leader'),
  waitsForQuorum: false,
}

/**
 * Three servers whose leader steps down after 2.5 s without hearing of the others, which is Consul's default, not after 0.5 s:
 * on a machine that is busy the suite is not to be about elections.
 */
export const patientCluster = {
  nodes: 3,
  args: ['-hcl', 'performance { raft_multiplier = 5 }'],
} as const
