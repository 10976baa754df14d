import { afterAll, beforeAll } from '@jest/globals'
import type { Store } from '@libkv/core'
import { WAIT_TIMEOUT } from '../wait-for.ts'
import type { Servers } from '../servers/index.ts'
import type { BackendUnderTest } from './backend-under-test.ts'
import type { Counter } from './counter.ts'
import { runningServers } from './running-servers.ts'

/** A store behind a counter, and another one beside it on the same server. */
export interface CountedStore {
  readonly servers: Servers
  readonly counter: Counter
  readonly kv: Store
  readonly direct: Store
}

/** One for all tests of the enclosing `describe`. */
export function countedStore({ backend, openAt, countTo }: BackendUnderTest): CountedStore {
  afterAll(async () => {
    await kv.close()
    await direct.close()
    await counter[Symbol.asyncDispose]()
  })
  const servers = runningServers(backend)
  let counter: Counter
  let kv: Store
  let direct: Store
  beforeAll(async () => {
    counter = await countTo(servers().endpoints[0] ?? '')
    // Nothing is asked again because a busy machine was late.
    kv = openAt([counter.endpoint], { requestTimeout: WAIT_TIMEOUT })
    direct = openAt(servers().endpoints)
    await kv.ready()
  })
  return {
    get servers() {
      return servers()
    },
    get counter() {
      return counter
    },
    get kv() {
      return kv
    },
    get direct() {
      return direct
    },
  }
}
