import { describe, expect, it } from '@jest/globals'
import { systemRuntime } from '@libkv/core/driver'
import { zookeeper } from '@libkv/zookeeper'
import { WAIT_TIMEOUT } from '@libkv/testing'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import { ZooKeeperClient } from '../src/client/index.ts'
import { TICK_TIME } from './zookeeper-under-test.ts'

/** More than a call of a function may have arguments. */
const KEYS = 150_000
const BATCH = 2_500

describe('a directory of 150,000 keys', () => {
  const servers = runningServers('zookeeper')

  it('is listed and deleted', async () => {
    await using raw = new ZooKeeperClient({
      servers: servers().endpoints,
      runtime: systemRuntime,
      sessionTimeout: 60_000,
    })
    await using kv = zookeeper(servers().endpoints, {
      tickTime: TICK_TIME,
      // A server that is busy with all of them answers no ping.
      sessionTimeout: 60_000,
      requestTimeout: 10 * WAIT_TIMEOUT,
    })
    await raw.create('/large', null)
    for (let i = 0; i < KEYS; i += BATCH) {
      const paths = Array.from({ length: BATCH }, (_, k) => `/large/${String(i + k)}`)
      const data = new Uint8Array()
      await raw.multi(paths.map((path) => ({ type: 'create', path, data }) as const))
    }
    expect(await kv.keys('large')).toHaveLength(KEYS)
    expect(await kv.deleteTree('large')).toBe(KEYS)
    expect(await kv.exists('large/0')).toBe(false)
  }, 600_000)
})
