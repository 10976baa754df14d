import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals'
import type { Store } from '@libkv/core'
import { waitFor } from '../wait-for.ts'
import { FaultProxy } from '../servers/index.ts'
import type { ServerNode, Servers } from '../servers/index.ts'
import type { BackendUnderTest } from './backend-under-test.ts'
import { runningServers } from './running-servers.ts'

/** A store behind a proxy that can be told to misbehave, and another one beside it on the same server. */
export interface ProxiedStore {
  readonly servers: Servers
  readonly server: ServerNode
  readonly proxy: FaultProxy
  readonly kv: Store
  readonly direct: Store
  /** A directory of its own for each test. */
  readonly dir: string
}

/** One server for all tests of the enclosing `describe`, with stores of its own for each. */
export function proxiedStore({ backend, openAt }: BackendUnderTest): ProxiedStore {
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]()
  })
  const servers = runningServers(backend)
  let proxy: FaultProxy
  let kv: Store
  let direct: Store
  let count = 0
  beforeAll(async () => {
    proxy = await FaultProxy.to(servers().endpoints[0] ?? '')
  })
  beforeEach(async () => {
    count++
    kv = openAt([proxy.endpoint])
    direct = openAt(servers().endpoints)
    // On a busy machine it may take longer than the connectionTimeout.
    await waitFor(() => kv.ready().then(() => true), { what: 'the store' })
  })
  afterEach(async () => {
    proxy.onUpstreamData = undefined
    proxy.pass()
    await proxy.up()
    await kv.close()
    await direct.close()
  })
  return {
    get servers() {
      return servers()
    },
    get server() {
      const [node] = servers().nodes
      if (node === undefined) throw new Error('there is no server')
      return node
    },
    get proxy() {
      return proxy
    },
    get kv() {
      return kv
    },
    get direct() {
      return direct
    },
    get dir() {
      return `case-${String(count)}`
    },
  }
}
