import { expect, it } from '@jest/globals'
import { waitFor } from '@libkv/testing'
import type { FaultProxy } from '@libkv/testing/servers'
import type { ZooKeeperClient } from '../../src/client/index.ts'
import { recorder, statesOf } from './support.ts'

interface Setting {
  /** Behind the proxy. */
  readonly client: ZooKeeperClient
  readonly writer: ZooKeeperClient
  readonly proxy: FaultProxy
  /** A node of the test's own. */
  readonly root: string
}

/** A connection that is lost with that many watches on it. */
export function manyWatchesCase(setting: () => Setting, count: number): void {
  it(`are in force again though they are many: ${count.toLocaleString('en')} of long paths`, async () => {
    const { client, writer, proxy, root } = setting()
    const { heard, listener } = recorder()
    const paths = Array.from(
      { length: count },
      (_, i) => `${root}/a-name-of-the-length-that-names-have-in-production-${i}`,
    )
    await Promise.all(paths.map((path) => client.exists(path, undefined, listener)))
    const states = statesOf(client)
    proxy.cut()
    await waitFor(() => states.length === 2, { what: 'the client to lose and regain its server' })
    await client.sync('/')
    const last = paths.at(-1) ?? ''
    await writer.create(paths[0] ?? '', null)
    await writer.create(last, null)
    await waitFor(() => heard.length === 2, { what: 'both events' })
    await client.sync('/')
    expect(heard).toEqual([`created ${paths[0] ?? ''}`, `created ${last}`])
    await Promise.all(paths.map((path) => client.removeWatch(path, listener)))
  })
}
