import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createConnection } from 'node:net'

import { describe, expect, it } from '@jest/globals'

import { waitFor } from '@libkv/testing'
import type { Backend, ServerNode, ServerOptions, Servers } from '@libkv/testing/servers'
import { selectedBackends, startServers } from '@libkv/testing/servers'
import { httpRequest } from '@libkv/testing/servers/http-request'
import type { HttpRequest } from '@libkv/testing/servers/http-request'
import { ZooKeeperSession } from '@libkv/testing/servers/zookeeper-wire'

interface Client {
  /** The outcome of a write, 'done' if it was carried out. */
  write(servers: Servers, key: string, endpoint?: string): Promise<string>
  exists(servers: Servers, key: string): Promise<boolean>
  /** The outcome of a write to app/ with the credentials of the servers, and of one elsewhere. */
  writeInApp(servers: Servers, key: string): Promise<string>
  /** The outcome of a connection with this much of TLS. */
  connect(servers: Servers, tls: NonNullable<HttpRequest['tls']>): Promise<string>
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

async function etcdCall(
  endpoint: string,
  path: string,
  body: object,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: string }> {
  return await httpRequest(`${endpoint}/v3/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers,
  })
}

const clients: Record<Backend, Client> = {
  etcd: {
    async write(servers, key, endpoint = servers.endpoints[0] ?? '') {
      const { status, body } = await etcdCall(endpoint, 'kv/put', { key: base64(key) })
      return status === 200 ? 'done' : body
    },
    async exists(servers, key) {
      const { body } = await etcdCall(servers.endpoints[0] as string, 'kv/range', {
        key: base64(key),
      })
      return body.includes('"count"')
    },
    async writeInApp(servers, key) {
      const [endpoint] = servers.endpoints as [string]
      const { username: name, password } = (servers as Servers<'etcd'>).credentials ?? {}
      const login = await etcdCall(endpoint, 'auth/authenticate', { name, password })
      const { token } = JSON.parse(login.body) as { token: string }
      const { status, body } = await etcdCall(
        endpoint,
        'kv/put',
        { key: base64(key) },
        { authorization: token },
      )
      return status === 200 ? 'done' : body
    },
    async connect(servers, tls) {
      return (await httpRequest(`${servers.endpoints[0]}/health`, { tls })).body
    },
  },
  consul: {
    async write(servers, key, endpoint = servers.endpoints[0] ?? '') {
      const { body } = await httpRequest(`${endpoint}/v1/kv/${key}`, { method: 'PUT' })
      return body === 'true' ? 'done' : body
    },
    async exists(servers, key) {
      return (await httpRequest(`${servers.endpoints[0]}/v1/kv/${key}`)).status === 200
    },
    async writeInApp(servers, key) {
      const { token = '' } = (servers as Servers<'consul'>).credentials ?? {}
      const headers = { 'x-consul-token': token }
      const { body } = await httpRequest(`${servers.endpoints[0]}/v1/kv/${key}`, {
        method: 'PUT',
        headers,
      })
      return body === 'true' ? 'done' : body
    },
    async connect(servers, tls) {
      return (await httpRequest(`${servers.endpoints[0]}/v1/status/leader`, { tls })).body
    },
  },
  zookeeper: {
    async write(servers, key, endpoint = servers.endpoints[0] ?? '') {
      await using session = await ZooKeeperSession.open(endpoint)
      const code = await session.create(`/${key}`, '')
      return code === 0 ? 'done' : `error ${code}`
    },
    async exists(servers, key) {
      await using session = await ZooKeeperSession.open(servers.endpoints[0] as string)
      return (await session.read(`/${key}`)) === 0
    },
    async writeInApp(servers, key) {
      const { credentials } = servers as Servers<'zookeeper'>
      await using session = await ZooKeeperSession.open(servers.endpoints[0] as string)
      if (credentials) await session.authenticate(credentials)
      const code = await session.create(`/${key}`, '', credentials)
      return code === 0 ? 'done' : `error ${code}`
    },
    async connect(servers, tls) {
      await using session = await ZooKeeperSession.open(servers.endpoints[0] as string, tls)
      return `read: ${await session.read('/')}`
    },
  },
}

/** Whether something listens there. */
async function listens(endpoint: string): Promise<boolean> {
  const { hostname, port } = new URL(endpoint.includes('://') ? endpoint : `tcp://${endpoint}`)
  const socket = createConnection(Number(port), hostname)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** The pids of this process's children, where the system tells. */
function children(): string[] {
  try {
    const list = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
    return list.split(' ').filter(Boolean)
  } catch {
    return []
  }
}

// Beyond etcd on request only: what is tested here is the harness, and the packages use it for all backends.
const backends: Backend[] =
  process.env['LIBKV_TEST_BACKENDS'] === undefined ? ['etcd'] : selectedBackends()

describe.each(backends)('%s servers', (backend) => {
  const client = clients[backend]
  const start = (options?: ServerOptions): Promise<Servers> => startServers(backend, options)

  it('keep their data and their port when killed and started again, and lose their data when wiped', async () => {
    await using servers = await start()
    const [node] = servers.nodes as [ServerNode]
    expect(servers.version).toMatch(/^\d+\.\d+\.\d+/)
    expect(servers.endpoints).toEqual([node.endpoint])
    expect(await client.write(servers, 'kept')).toBe('done')

    await node.kill()
    expect(await listens(node.endpoint)).toBe(false)
    await node.start()
    expect(await client.exists(servers, 'kept')).toBe(true)

    await expect(node.wipe()).rejects.toThrow('kill the server before')
    await node.kill()
    await node.wipe()
    await node.start()
    expect(await client.exists(servers, 'kept')).toBe(false)
  })

  it('answer nothing while frozen, and go on when resumed', async () => {
    await using servers = await start()
    const [node] = servers.nodes as [ServerNode]
    await node.freeze()
    await expect(client.write(servers, 'late')).rejects.toThrow(/no answer within/)
    await node.resume()
    await node.waitReady()
    expect(await client.write(servers, 'after')).toBe('done')
    await node.freeze()
    await node.kill()
    expect(await listens(node.endpoint)).toBe(false)
  })

  it('form a cluster of three that survives the loss of its leader', async () => {
    await using servers = await start({ nodes: 3 })
    expect(new Set(servers.endpoints).size).toBe(3)
    const first = await servers.leader()
    await first.kill()
    const second = await servers.leader()
    expect(second).not.toBe(first)
    await second.waitReady()
    expect(await client.write(servers, 'written', second.endpoint)).toBe('done')
    await first.start()
    expect(await client.exists(servers, 'written')).toBe(true)
  })

  it('accept only clients with a certificate when they use TLS', async () => {
    await using servers = await start({ security: 'tls' })
    const { ca, cert, key, otherCa } = servers.tls as NonNullable<typeof servers.tls>
    expect(await client.connect(servers, { ca, cert, key })).toMatch(/true|:|read: 0/)
    await expect(client.connect(servers, { ca })).rejects.toThrow()
    await expect(client.connect(servers, { ca: otherCa, cert, key })).rejects.toThrow(/certificate/)
  })

  it('refuse those without credentials, and others beyond app/, when they have access control', async () => {
    await using servers = await start({ security: 'auth' })
    expect(await client.write(servers, 'app/anonymous')).toMatch(
      /user name is empty|[Pp]ermission denied|-102/,
    )
    expect(await client.writeInApp(servers, 'app/mine')).toBe('done')
    if (backend !== 'zookeeper') {
      expect(await client.writeInApp(servers, 'other')).toMatch(
        /permission denied|Permission denied/,
      )
    }
    await servers.nodes[0]?.restart()
    expect(await client.writeInApp(servers, 'app/again')).toBe('done')
  })

  it('are gone once disposed of', async () => {
    const before = children()
    const servers = await start({ nodes: 3 })
    const proxies = await servers.proxy()
    expect(await Promise.all(proxies.map(({ endpoint }) => listens(endpoint)))).toEqual([
      true,
      true,
      true,
    ])
    await servers.nodes[1]?.freeze()
    await servers.nodes[2]?.kill()
    await servers[Symbol.asyncDispose]()
    for (const { endpoint } of [...servers.nodes, ...proxies])
      expect(await listens(endpoint)).toBe(false)
    await waitFor(() => children().every((pid) => before.includes(pid)), {
      what: 'the watchdog to end',
    })
  })

  it('are gone soon after the death of the process that started them', async () => {
    const script = `
      import { startServers } from '@libkv/testing/servers'
      const servers = await startServers('${backend}', { nodes: 3 })
      await servers.nodes[1].freeze()
      console.log(servers.endpoints.join(' '))`
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', script],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    const [output] = (await once(child.stdout, 'data')) as [Buffer]
    const endpoints = output.toString().trim().split(' ')
    expect(endpoints).toHaveLength(3)
    child.kill('SIGKILL')
    for (const endpoint of endpoints) {
      await waitFor(async () => !(await listens(endpoint)), { what: `${endpoint} to be gone` })
    }
  })

  it('say what they logged when they cannot start', async () => {
    if (backend === 'zookeeper') return // takes no arguments that it could refuse
    await expect(start({ args: ['--no-such-flag'] })).rejects.toThrow(/It logged:[^]*no-such-flag/)
  })
})
