import { describe, expect, it } from '@jest/globals'
import { consul } from '@libkv/testing/servers/consul-server'
import type { Member } from '@libkv/testing/servers/recipe'

const member: Member = {
  index: 0,
  name: 'consul0',
  endpoint: 'http://127.0.0.1:15000',
  bind: '127.0.0.1',
  host: '127.0.0.1',
  ports: [15_000, 15_001, 15_002],
  data: '/data',
  conf: '/conf',
}

/** The ports in the configuration that is written for that version. */
function portsOf(version: string): unknown {
  const plan = {
    runtime: 'process',
    version,
    security: 'plain',
    members: [member],
    args: [],
  } as const
  const file = consul.launch(member, plan).files['server.json'] ?? ''
  return (JSON.parse(file) as { ports: unknown }).ports
}

const before = {
  http: 15_000,
  https: -1,
  server: 15_001,
  serf_lan: 15_002,
  serf_wan: -1,
  dns: -1,
  grpc: -1,
}

describe('the configuration of a Consul server', () => {
  it.each(['1.8.7', '1.13.9', 'v1.9.0+dfsg'])('names no port that %s does not know', (version) => {
    expect(portsOf(version)).toEqual(before)
  })

  it.each(['1.14.0', '1.14', '1.20', '1.22.1', '2.0.0', 'latest'])(
    'leaves no port open on which servers of %s would meet',
    (version) => {
      expect(portsOf(version)).toEqual({ ...before, grpc_tls: -1 })
    },
  )
})
