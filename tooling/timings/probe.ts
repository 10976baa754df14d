import { httpRequest } from '@libkv/testing/servers/http-request'
import type { Backend } from '@libkv/testing/servers'
import { ZooKeeperSession } from '@libkv/testing/servers/zookeeper-wire'

let count = 0

/** One write by the server's own protocol, to one member of a cluster. Rejects where that fails or takes over half a second. */
const writes: Readonly<Record<Backend, (endpoint: string) => Promise<void>>> = {
  async etcd(endpoint) {
    const body = JSON.stringify({ key: Buffer.from('probe').toString('base64') })
    const answer = await httpRequest(`${endpoint}/v3/kv/put`, {
      method: 'POST',
      body,
      timeout: 500,
    })
    if (answer.status !== 200) throw new Error(answer.body)
  },

  async consul(endpoint) {
    const url = `${endpoint}/v1/kv/probe`
    const answer = await httpRequest(url, { method: 'PUT', body: 'x', timeout: 500 })
    if (answer.body.trim() !== 'true') throw new Error(answer.body)
  },

  async zookeeper(endpoint) {
    await using session = await ZooKeeperSession.open(endpoint, undefined, 500)
    const code = await session.create(`/probe-${String(++count)}`, '')
    if (code !== 0) throw new Error(`error ${String(code)}`)
  },
}

/** A write without a store, to whichever member answers first. */
export async function rawWrite(backend: Backend, endpoints: readonly string[]): Promise<void> {
  await Promise.any(endpoints.map((endpoint) => writes[backend](endpoint)))
}
