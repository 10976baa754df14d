import { beforeAll, describe } from '@jest/globals'
import type { ZooKeeperOptions } from '@libkv/zookeeper'
import { accessControlCases } from '../../../tooling/backend-cases/access-control.ts'
import { openOn } from '../../../tooling/backend-cases/backend-under-test.ts'
import { runningServers } from '../../../tooling/backend-cases/running-servers.ts'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

describe('zookeeper with access control', () => {
  const servers = runningServers('zookeeper', { security: 'auth' })

  beforeAll(async () => {
    const auth = { scheme: 'digest', username: 'bob', password: 'bob-password' } as const
    const access: ZooKeeperOptions = { auth }
    await using bob = openOn(zookeeperUnderTest, servers(), access)
    await bob.put('other/key', 'x')
  })

  accessControlCases(zookeeperUnderTest, servers, {
    wrong: {
      options: { auth: { scheme: 'digest', username: 'alice', password: 'wrong-password' } },
      secret: 'wrong-password',
    },
    openRestricted: (running) => openOn(zookeeperUnderTest, running),
    own: 'app',
    foreign: 'other',
  })
})
