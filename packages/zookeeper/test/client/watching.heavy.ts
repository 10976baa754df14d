import { afterAll, beforeAll, describe } from '@jest/globals'
import { FaultProxy, startServers } from '@libkv/testing/servers'
import type { Servers } from '@libkv/testing/servers'
import type { ZooKeeperClient } from '../../src/client/index.ts'
import { manyWatchesCase } from './many-watches.ts'
import { clientOf } from './support.ts'

describe('watches on a server', () => {
  const root = '/watches'
  let servers: Servers
  let proxy: FaultProxy
  let writer: ZooKeeperClient
  let client: ZooKeeperClient
  beforeAll(async () => {
    servers = await startServers('zookeeper')
    proxy = await FaultProxy.to(servers.endpoints[0] ?? '')
    writer = clientOf(servers.endpoints, { sessionTimeout: 30_000 })
    client = clientOf([proxy.endpoint], { sessionTimeout: 30_000 })
    await writer.create(root, null)
  })
  afterAll(async () => {
    await Promise.all([writer.close(), client.close()])
    await proxy[Symbol.asyncDispose]()
    await servers[Symbol.asyncDispose]()
  })

  manyWatchesCase(() => ({ client, writer, proxy, root }), 25_000)
})
