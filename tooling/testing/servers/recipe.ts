import type { ClientTls } from './certificates.ts'

export type Backend = 'etcd' | 'consul' | 'zookeeper'

/** `tls` is mutual TLS: a client certificate is required. `auth` is access control: credentials are required. */
export type Security = 'plain' | 'tls' | 'auth'

/** An etcd user that may read and write what begins with `app/` and nothing else, and root. */
export interface EtcdCredentials {
  readonly username: string
  readonly password: string
  readonly root: { readonly username: string; readonly password: string }
}

/** A Consul token that may read and write the keys that begin with `app/` and use sessions, and one that may do anything. */
export interface ConsulCredentials {
  readonly token: string
  readonly managementToken: string
}

/** The digest identity that owns the ZooKeeper node `/app`; nobody else may use that node. */
export interface ZooKeeperCredentials {
  readonly scheme: 'digest'
  readonly auth: string
}

export interface CredentialsOf {
  readonly etcd: EtcdCredentials
  readonly consul: ConsulCredentials
  readonly zookeeper: ZooKeeperCredentials
}

/** One server of a set, before it runs. */
export interface Member {
  readonly index: number
  readonly name: string
  /** Where clients on this machine reach it. */
  readonly endpoint: string
  /** The address that it listens on, and the one under which its peers reach it. */
  readonly bind: string
  readonly host: string
  /** As many as {@link Recipe.ports} says; the first is for clients. */
  readonly ports: readonly number[]
  /** Folders, as the server sees them. */
  readonly data: string
  readonly conf: string
}

export interface Plan {
  readonly runtime: 'container' | 'process'
  /** Of the program or the image, as far as it is known before the start; the tag of an image may be anything. */
  readonly version: string
  readonly security: Security
  readonly members: readonly Member[]
  readonly args: readonly string[]
}

/** How to run one member. */
export interface Launch {
  readonly args: readonly string[]
  /** File name in {@link Member.conf} → content. */
  readonly files: Record<string, string>
  /** The same for {@link Member.data}, in a process: containers see to theirs themselves. */
  readonly dataFiles?: Record<string, string>
  readonly environment?: Record<string, string>
}

/** What the harness itself uses to talk to the servers. */
export interface Access<B extends Backend = Backend> {
  readonly tls?: ClientTls
  readonly credentials?: CredentialsOf[B]
}

/** All that differs between the backends. */
export interface Recipe<B extends Backend = Backend> {
  /** How many ports a member needs. */
  readonly ports: number
  /** Where the data live in a container, so that the official image's user may write there. */
  readonly dataInContainer: string
  endpoint(port: number, security: Security): string
  launch(member: Member, plan: Plan): Launch
  /** Whether this member serves reads and writes. May throw, and is then asked again. */
  isReady(member: Member, access: Access<B>): Promise<boolean>
  /** The term that this member leads, if it believes that it leads. */
  leads(member: Member, access: Access<B>): Promise<number | undefined>
  version(endpoint: string, access: Access<B>): Promise<string>
  /** Turns access control on, once all members are ready. */
  protect(endpoint: string): Promise<CredentialsOf[B]>
}
