import { serverTlsFiles } from './certificates.ts'
import type { Launch, Member, Plan, Recipe, ZooKeeperCredentials } from './recipe.ts'
import { createOwnedNode, fourLetterWord } from './zookeeper-wire.ts'

const mainClass = 'org.apache.zookeeper.server.quorum.QuorumPeerMain'
// Durability is not what the tests are about, and preallocating 64 MB a server is slow.
const properties = [
  '-Dzookeeper.forceSync=no',
  '-Dzookeeper.preAllocSize=1024',
  '-Dznode.container.checkIntervalMs=1000',
]

function launch(member: Member, { members, runtime, security, args }: Plan): Launch {
  const port = member.ports[0]
  const peers = members.map(
    ({ index, host, ports }) => `server.${index + 1}=${host}:${ports[1]}:${ports[2]}`,
  )
  const lines = [
    'tickTime=500',
    'initLimit=20',
    'syncLimit=10',
    'cnxTimeout=500',
    `dataDir=${member.data}`,
    'admin.enableServer=false',
    '4lw.commands.whitelist=*',
    'maxClientCnxns=0',
    'minSessionTimeout=500',
    'maxSessionTimeout=60000',
    'extendedTypesEnabled=true',
    ...(security === 'tls'
      ? [
          `secureClientPort=${port}`,
          `secureClientPortAddress=${member.bind}`,
          'serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory',
          `ssl.keyStore.location=${member.conf}/keystore.pem`,
          'ssl.keyStore.type=PEM',
          `ssl.trustStore.location=${member.conf}/ca.pem`,
          'ssl.trustStore.type=PEM',
          'ssl.clientAuth=need',
          'authProvider.x509=org.apache.zookeeper.server.auth.X509AuthenticationProvider',
        ]
      : [`clientPort=${port}`, `clientPortAddress=${member.bind}`]),
    ...(members.length > 1
      ? ['standaloneEnabled=false', `quorumListenOnAllIPs=${runtime === 'container'}`, ...peers]
      : []),
    ...args,
  ]
  return {
    args:
      runtime === 'process'
        ? [...properties, mainClass, `${member.conf}/zoo.cfg`]
        : ['zkServer.sh', 'start-foreground'],
    files: {
      'zoo.cfg': `${lines.join('\n')}\n`,
      ...(security === 'tls' ? serverTlsFiles() : {}),
    },
    dataFiles: { myid: `${member.index + 1}\n` },
    environment: { ZOO_MY_ID: String(member.index + 1), JVMFLAGS: properties.join(' ') },
  }
}

export const zookeeper: Recipe<'zookeeper'> = {
  ports: 3,
  dataInContainer: '/data',
  endpoint: (port) => `127.0.0.1:${port}`,
  launch,

  // Not `ruok`: a server says `imok` before it works. One that was asked too early may never answer, so ask again soon.
  async isReady({ endpoint }, { tls }) {
    const answer = await fourLetterWord(endpoint, 'srvr', tls, tls === undefined ? 500 : 2_000)
    return /^Mode: (standalone|leader|follower)/m.test(answer)
  },

  async leads({ endpoint }, { tls }) {
    const status = await fourLetterWord(endpoint, 'srvr', tls)
    if (!/^Mode: (standalone|leader)/m.test(status)) return undefined
    return Number.parseInt(/^Zxid: 0x([0-9a-f]+?)[0-9a-f]{8}$/m.exec(status)?.[1] ?? '0', 16)
  },

  async version(endpoint, { tls }) {
    return /version: ([\d.]+)/.exec(await fourLetterWord(endpoint, 'srvr', tls))?.[1] ?? 'unknown'
  },

  async protect(endpoint) {
    const credentials: ZooKeeperCredentials = { scheme: 'digest', auth: 'alice:alice-password' }
    await createOwnedNode(endpoint, '/app', credentials)
    return credentials
  },
}
