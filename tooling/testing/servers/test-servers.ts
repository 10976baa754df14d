import type { ClientTls } from './certificates.ts'
import type { FaultProxy } from './fault-proxy.ts'
import type { Backend, CredentialsOf, Security } from './recipe.ts'
import type { ServerNode } from './server-node.ts'

export interface ServerOptions {
  /** @default 1 */
  readonly nodes?: 1 | 3
  /** @default 'plain' */
  readonly security?: Security
  /** @default what `provision` decided for this machine */
  readonly runtime?: 'container' | 'process'
  /**
   * More arguments for the server; for ZooKeeper more lines for its zoo.cfg. `{conf}` stands for the folder of its configuration,
   * where etcd finds `jwt.key` and `jwt.pub`.
   */
  readonly args?: readonly string[]
}

/** Servers of one backend, one or a cluster. Dispose of them (`await using`), which ends them and removes their data. */
export interface Servers<B extends Backend = Backend> extends AsyncDisposable {
  readonly backend: B
  readonly runtime: 'container' | 'process' | 'external'
  readonly version: string
  /** `http://127.0.0.1:23790` or `https://…` for etcd and Consul, `host:port` for ZooKeeper. */
  readonly endpoints: readonly string[]
  readonly nodes: readonly ServerNode[]
  /** With security `tls`. */
  readonly tls?: ClientTls
  /** With security `auth`. */
  readonly credentials?: CredentialsOf[B]
  /** The server that leads; waits until there is one. */
  leader(): Promise<ServerNode>
  /** A {@link FaultProxy} in front of each server, in the order of `endpoints`; they end with the servers. */
  proxy(): Promise<FaultProxy[]>
}
