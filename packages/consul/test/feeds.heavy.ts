import { describe } from '@jest/globals'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import { lockQueueCase } from './lock-queue.ts'

describe('many watched keys of one directory of Consul', () => {
  const servers = runningServers('consul')

  lockQueueCase(() => servers().endpoints[0] ?? '', 500)
})
