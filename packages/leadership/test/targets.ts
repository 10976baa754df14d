import { consul } from '@libkv/consul'
import { consulCapabilities } from '../../consul/src/consul-driver.ts'
import type { Capabilities, Store, StoreOptions } from '@libkv/core'
import { etcd } from '@libkv/etcd'
import type { Backend, Servers } from '../../../tooling/servers/index.ts'

/** What Consul's test servers have as their session_ttl_min, in milliseconds. */
const MINIMUM_TTL = 1_000

/** How the tests of this package reach a backend. */
export interface Target {
  readonly capabilities: Capabilities
  readonly open: (servers: Pick<Servers, 'endpoints'>, options?: StoreOptions) => Store
}

export const targets: Partial<Record<Backend, Target>> = {
  etcd: {
    capabilities: etcd().capabilities,
    open: ({ endpoints }, options) => etcd(endpoints, options),
  },
  consul: {
    capabilities: consulCapabilities(MINIMUM_TTL),
    open: ({ endpoints }, options) => consul(endpoints, { ...options, minimumTtl: MINIMUM_TTL }),
  },
}
