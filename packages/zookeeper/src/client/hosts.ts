import { lookup } from 'node:dns'
import type { LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import type { Runtime } from './runtime.ts'
import { ZooKeeperError } from './zookeeper-error.ts'

export interface Host {
  readonly host: string
  readonly port: number
  /** As errors and events call it. */
  readonly name: string
}

const DEFAULT_PORT = 2181

/** The servers, in an order that differs from client to client. */
export class Hosts {
  readonly #hosts: readonly Host[]
  #next = 0

  constructor(servers: readonly string[], runtime: Runtime) {
    if (servers.length === 0)
      throw new ZooKeeperError('BAD_ARGUMENTS', 'there are no servers given')
    this.#hosts = shuffled(servers.map(parseHost), runtime)
  }

  get size(): number {
    return this.#hosts.length
  }

  /** Each in turn. */
  next(): Host {
    return this.#hosts[this.#next++ % this.#hosts.length] as Host
  }
}

function parseHost(server: string): Host {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(server) ?? []
  const host = bracketed ?? plain
  const port = digits === undefined ? DEFAULT_PORT : Number(digits)
  if (host === undefined || port < 1 || port > 65_535) {
    throw new ZooKeeperError('BAD_ARGUMENTS', `'${server}' is not host, host:port or [ipv6]:port`)
  }
  return { host, port, name: `${bracketed === undefined ? host : `[${host}]`}:${port}` }
}

function shuffled<T>(items: readonly T[], runtime: Runtime): T[] {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(runtime.random() * (i + 1))
    ;[result[i], result[j]] = [result[j] as T, result[i] as T]
  }
  return result
}

/** Resolves a name to its addresses in random order: a name may stand for the whole ensemble. */
export function shufflingLookup(runtime: Runtime): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        callback(error, '')
        return
      }
      const order = shuffled<LookupAddress>(addresses, runtime)
      const [first] = order
      if (options.all === true || first === undefined) callback(null, order)
      else callback(null, first.address, first.family)
    })
  }
}
