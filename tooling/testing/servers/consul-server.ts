import { serverTlsFiles } from './certificates.ts'
import { httpRequest } from './http-request.ts'
import type { HttpAnswer } from './http-request.ts'
import type { Access, ConsulCredentials, Launch, Member, Plan, Recipe } from './recipe.ts'
import { waitFor } from '../wait-for.ts'

interface AgentSelf {
  readonly Config: { readonly Version: string }
  readonly Stats: {
    readonly consul: { readonly leader: string }
    readonly raft: { readonly term: string }
  }
}

type ConsulAccess = Access<'consul'>

/**
 * Whether that version opens a port for gRPC over TLS. Older ones refuse its name; what is no number, such as `latest`, is new.
 */
function hasGrpcTls(version: string): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? []
  if (major === undefined) return true
  return Number(major) > 1 || Number(minor) >= 14
}

function launch(member: Member, { members, runtime, version, security, args }: Plan): Launch {
  const [client, server, gossip] = member.ports
  const off = { serf_wan: -1, dns: -1, grpc: -1, ...(hasGrpcTls(version) && { grpc_tls: -1 }) }
  const ports = security === 'tls' ? { http: -1, https: client } : { http: client, https: -1 }
  const settings = {
    node_name: member.name,
    server: true,
    bootstrap_expect: members.length,
    data_dir: member.data,
    client_addr: member.bind,
    bind_addr: runtime === 'process' ? member.bind : '{{ GetPrivateIP }}',
    ports: { ...ports, ...off, server, serf_lan: gossip },
    retry_join: members
      .filter((peer) => peer !== member)
      .map(({ host, ports: own }) => `${host}:${own[2]}`),
    retry_interval: '1s',
    performance: { raft_multiplier: 1 },
    // A member that was frozen for 10 s would be removed, and have no vote until 10 s after its return: faults that follow one
    // upon the other would then leave no quorum.
    autopilot: { cleanup_dead_servers: false },
    gossip_lan: { gossip_interval: '50ms', probe_interval: '200ms', probe_timeout: '100ms' },
    disable_update_check: true,
    log_level: 'warn',
    session_ttl_min: '1s',
    limits: { http_max_conns_per_client: 1000 },
    ...(security === 'auth' && { acl: { enabled: true, default_policy: 'deny' } }),
    ...(security === 'tls' && {
      ca_file: `${member.conf}/ca.pem`,
      cert_file: `${member.conf}/server.pem`,
      key_file: `${member.conf}/server.key`,
      verify_incoming_https: true,
    }),
  }
  return {
    args: ['agent', `-config-file=${member.conf}/server.json`, ...args],
    files: {
      'server.json': JSON.stringify(settings, undefined, 2),
      ...(security === 'tls' ? serverTlsFiles() : {}),
    },
  }
}

async function call(
  endpoint: string,
  path: string,
  { tls, credentials }: ConsulAccess,
  method = 'GET',
  body?: object,
): Promise<HttpAnswer> {
  const token = credentials?.managementToken
  return await httpRequest(`${endpoint}/v1/${path}`, {
    method,
    ...(token !== undefined && { headers: { 'x-consul-token': token } }),
    ...(body && { body: JSON.stringify(body) }),
    ...(tls && { tls }),
  })
}

async function ask<T>(...request: Parameters<typeof call>): Promise<T> {
  const { status, body } = await call(...request)
  if (status !== 200) throw new Error(`Consul ${request[1]}: ${status} ${body}`)
  return JSON.parse(body) as T
}

/**
 * Serving is more than having a leader: keys must be readable, and the node must be known to be in good health, without which it
 * grants no sessions. Before access control is set up nobody may see that, and the leader alone has to do.
 */
async function isReady(member: Member, access: ConsulAccess): Promise<boolean> {
  const leader = await ask<string>(member.endpoint, 'status/leader', access)
  if (leader === '') return false
  const { status } = await call(member.endpoint, 'kv/libkv-ready', access)
  if (status === 403) return true
  if (status !== 200 && status !== 404) return false
  const checks = await ask<{ Status: string }[]>(
    member.endpoint,
    `health/node/${member.name}`,
    access,
  )
  return checks.length > 0 && checks.every((check) => check.Status === 'passing')
}

async function protect(endpoint: string): Promise<ConsulCredentials> {
  // Consul 1.8 begins in the legacy mode of its access control, until it has seen that all servers know the new one.
  const { SecretID: managementToken } = await waitFor(
    () => ask<{ SecretID: string }>(endpoint, 'acl/bootstrap', {}, 'PUT'),
    { what: 'an access control that can be set up', timeout: 30_000 },
  )
  const access: ConsulAccess = { credentials: { managementToken, token: '' } }
  const { ID } = await ask<{ ID: string }>(endpoint, 'acl/policy', access, 'PUT', {
    Name: 'app',
    Rules: 'key_prefix "app/" { policy = "write" } session_prefix "" { policy = "write" }',
  })
  const { SecretID: token } = await ask<{ SecretID: string }>(
    endpoint,
    'acl/token',
    access,
    'PUT',
    {
      Policies: [{ ID }],
    },
  )
  return { token, managementToken }
}

export const consul: Recipe<'consul'> = {
  ports: 3,
  dataInContainer: '/consul/data',
  endpoint: (port, security) => `${security === 'tls' ? 'https' : 'http'}://127.0.0.1:${port}`,
  launch,
  isReady,
  protect,

  async leads({ endpoint }, access) {
    const { Stats } = await ask<AgentSelf>(endpoint, 'agent/self', access)
    return Stats.consul.leader === 'true' ? Number(Stats.raft.term) : undefined
  },

  async version(endpoint, access) {
    return (await ask<AgentSelf>(endpoint, 'agent/self', access)).Config.Version
  },
}
