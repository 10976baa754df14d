export { FaultProxy } from './fault-proxy.ts'
export type { FaultProxyStats } from './fault-proxy.ts'
export { doubtfulCertificates } from './certificates.ts'
export type { ClientTls, DoubtfulCertificates } from './certificates.ts'
export { freePorts } from './ports.ts'
export { provision, selectedBackends, unfinishedBackends } from './provision.ts'
export type { Provision } from './provision.ts'
export type {
  Backend,
  ConsulCredentials,
  CredentialsOf,
  EtcdCredentials,
  Security,
  ZooKeeperCredentials,
} from './recipe.ts'
export { RequestCounter } from './request-counter.ts'
export type { ServerNode } from './server-node.ts'
export { startServers } from './servers.ts'
export type { ServerOptions, Servers } from './test-servers.ts'
export { waitFor } from './wait-for.ts'
export type { WaitOptions } from './wait-for.ts'
