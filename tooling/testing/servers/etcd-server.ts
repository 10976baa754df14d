import { jwtFiles, serverTlsFiles } from './certificates.ts'
import { httpRequest } from './http-request.ts'
import type { Access, EtcdCredentials, Launch, Member, Plan, Recipe } from './recipe.ts'

interface MaintenanceStatus {
  readonly header: { readonly member_id: string }
  readonly leader?: string
  readonly raftTerm: string
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** A call through etcd's JSON gateway. */
async function gateway(
  endpoint: string,
  path: string,
  body: object,
  access: Access = {},
): Promise<string> {
  const answer = await httpRequest(`${endpoint}/v3/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    ...(access.tls && { tls: access.tls }),
  })
  if (answer.status !== 200) throw new Error(`etcd ${path}: ${answer.status} ${answer.body}`)
  return answer.body
}

function launch(member: Member, { runtime, members, security, args }: Plan): Launch {
  const [client, peer] = member.ports
  const scheme = security === 'tls' ? 'https' : 'http'
  // The shortest lease an etcd server grants grows with its election timeout: 200 ms make it 1 s.
  const [heartbeat, election] = members.length === 1 ? [20, 200] : [50, 500]
  const peers = members.map(({ name, host, ports }) => `${name}=http://${host}:${ports[1]}`)
  return {
    args: [
      ...(runtime === 'container' ? ['/usr/local/bin/etcd'] : []),
      `--name=${member.name}`,
      `--data-dir=${member.data}`,
      `--listen-client-urls=${scheme}://${member.bind}:${client}`,
      `--advertise-client-urls=${member.endpoint}`,
      `--listen-peer-urls=http://${member.bind}:${peer}`,
      `--initial-advertise-peer-urls=http://${member.host}:${peer}`,
      `--initial-cluster=${peers.join(',')}`,
      '--initial-cluster-state=new',
      `--heartbeat-interval=${heartbeat}`,
      `--election-timeout=${election}`,
      '--unsafe-no-fsync',
      '--log-level=warn',
      ...(security === 'tls'
        ? [
            `--cert-file=${member.conf}/server.pem`,
            `--key-file=${member.conf}/server.key`,
            `--trusted-ca-file=${member.conf}/ca.pem`,
            '--client-cert-auth',
          ]
        : []),
      ...(security === 'auth' ? ['--bcrypt-cost=4'] : []),
      ...args,
    ],
    files: security === 'tls' ? serverTlsFiles() : jwtFiles(),
  }
}

async function protect(endpoint: string): Promise<EtcdCredentials> {
  const call = (path: string, body: object): Promise<string> =>
    gateway(endpoint, `auth/${path}`, body)
  await call('user/add', { name: 'root', password: 'root-password' })
  await call('role/add', { name: 'root' })
  await call('user/grant', { user: 'root', role: 'root' })
  await call('user/add', { name: 'alice', password: 'alice-password' })
  await call('role/add', { name: 'app' })
  await call('role/grant', {
    name: 'app',
    perm: { permType: 'READWRITE', key: base64('app/'), range_end: base64('app0') },
  })
  await call('user/grant', { user: 'alice', role: 'app' })
  await call('enable', {})
  const root = { username: 'root', password: 'root-password' }
  return { username: 'alice', password: 'alice-password', root }
}

export const etcd: Recipe<'etcd'> = {
  ports: 2,
  dataInContainer: '/data',
  endpoint: (port, security) => `${security === 'tls' ? 'https' : 'http'}://127.0.0.1:${port}`,
  launch,
  protect,

  async isReady({ endpoint }, { tls }) {
    const { body } = await httpRequest(`${endpoint}/health`, { ...(tls && { tls }) })
    return /"health":\s*"true"/.test(body)
  },

  async leads({ endpoint }, access) {
    const status = JSON.parse(
      await gateway(endpoint, 'maintenance/status', {}, access),
    ) as MaintenanceStatus
    return status.leader === status.header.member_id ? Number(status.raftTerm) : undefined
  },

  async version(endpoint, { tls }) {
    const { body } = await httpRequest(`${endpoint}/version`, { ...(tls && { tls }) })
    return (JSON.parse(body) as { etcdserver: string }).etcdserver
  },
}
