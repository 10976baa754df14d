// As much of ZooKeeper's protocol as the tests of the servers need, independent of @libkv/zookeeper.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

import { iterate } from '../iterate.ts'
import type { ClientTls } from './certificates.ts'
import type { ZooKeeperCredentials } from './recipe.ts'

type Tls = Pick<ClientTls, 'ca'> & Partial<Pick<ClientTls, 'cert' | 'key'>>

async function open(endpoint: string, tls: Tls | undefined, timeout: number): Promise<Socket> {
  const { hostname: host, port } = new URL(`tcp://${endpoint}`)
  const socket = tls
    ? connectTls({ host, port: Number(port), ...tls })
    : connect({ host, port: Number(port) })
  socket.setTimeout(timeout, () =>
    socket.destroy(new Error(`${endpoint}: no answer within ${timeout} ms`)),
  )
  await once(socket, tls ? 'secureConnect' : 'connect')
  return socket
}

/** What a server answers to `srvr` and the like. */
export async function fourLetterWord(
  endpoint: string,
  word: string,
  tls?: Tls,
  timeout = 5_000,
): Promise<string> {
  const socket = await open(endpoint, tls, timeout)
  socket.write(word)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

function int(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}

function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string)
  return Buffer.concat([int(bytes.length), bytes])
}

/** A session that sends one request at a time. */
export class ZooKeeperSession implements AsyncDisposable {
  readonly #socket: Socket
  readonly #chunks: AsyncIterator<Buffer, undefined>
  #received = Buffer.alloc(0)

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#chunks = iterate<Buffer>(socket)
  }

  static async open(endpoint: string, tls?: Tls, timeout = 2000): Promise<ZooKeeperSession> {
    const session = new ZooKeeperSession(await open(endpoint, tls, timeout))
    // protocol version, last zxid seen, session timeout, session id, password, read-only
    const hello = [
      int(0),
      Buffer.alloc(8),
      int(10_000),
      Buffer.alloc(8),
      text(Buffer.alloc(16)),
      Buffer.alloc(1),
    ]
    await session.#exchange(Buffer.concat(hello))
    return session
  }

  /** Proves an identity. Resolves to the server's error code, 0 for none. */
  async authenticate({ scheme, auth }: ZooKeeperCredentials): Promise<number> {
    return await this.#call(-4, 100, Buffer.concat([int(0), text(scheme), text(auth)]))
  }

  /** Creates a node that the identity, or anybody, may use. Resolves to the server's error code, 0 for none. */
  async create(path: string, data: string, owner?: ZooKeeperCredentials): Promise<number> {
    const [user = ''] = owner?.auth.split(':') ?? []
    const digest = createHash('sha1')
      .update(owner?.auth ?? '')
      .digest('base64')
    const identity = owner
      ? [text(owner.scheme), text(`${user}:${digest}`)]
      : [text('world'), text('anyone')]
    const everything = int(31)
    const request = [text(path), text(data), int(1), everything, ...identity, int(0)]
    return await this.#call(1, 1, Buffer.concat(request))
  }

  /** Whether a node can be read. Resolves to the server's error code, 0 for none. */
  async read(path: string): Promise<number> {
    return await this.#call(1, 4, Buffer.concat([text(path), Buffer.alloc(1)]))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
  }

  async #call(xid: number, operation: number, request: Buffer): Promise<number> {
    const reply = await this.#exchange(Buffer.concat([int(xid), int(operation), request]))
    return reply.readInt32BE(12)
  }

  async #exchange(frame: Buffer): Promise<Buffer> {
    this.#socket.write(Buffer.concat([int(frame.length), frame]))
    for (;;) {
      const size = this.#received.length < 4 ? Infinity : this.#received.readInt32BE(0) + 4
      if (this.#received.length >= size) {
        const reply = this.#received.subarray(4, size)
        this.#received = this.#received.subarray(size)
        return reply
      }
      const next = await this.#chunks.next()
      if (next.done) throw new Error('the ZooKeeper server closed the connection')
      this.#received = Buffer.concat([this.#received, next.value])
    }
  }
}

/** Creates a node that only this identity may use. */
export async function createOwnedNode(
  endpoint: string,
  path: string,
  owner: ZooKeeperCredentials,
): Promise<void> {
  await using session = await ZooKeeperSession.open(endpoint)
  const code = await session.create(path, '', owner)
  const nodeExists = -110
  if (code !== 0 && code !== nodeExists)
    throw new Error(`ZooKeeper: creating ${path} failed with ${code}`)
}
