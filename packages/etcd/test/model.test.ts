import { afterAll, beforeAll, describe, it } from '@jest/globals'
import { startServers } from '../../../tooling/servers/index.ts'
import type { Servers } from '../../../tooling/servers/index.ts'
import { modelTest } from '../../memory/test/model/model-test.ts'
import { open } from './support.ts'

describe('etcd', () => {
  let servers: Servers<'etcd'>
  beforeAll(async () => {
    servers = await startServers('etcd')
  })
  afterAll(async () => {
    await servers[Symbol.asyncDispose]()
  })

  it('does in random programs what the model of the contract does', async () => {
    let count = 0
    await modelTest(() => open(servers, { namespace: `model-${String(++count)}` }), { runs: 100 })
  })
})
