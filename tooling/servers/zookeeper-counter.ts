import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

// org.apache.zookeeper.ZooDefs.OpCode
const names: Readonly<Record<number, string>> = {
  [-11]: 'closeSession',
  1: 'create',
  2: 'delete',
  3: 'exists',
  4: 'getData',
  5: 'setData',
  6: 'getACL',
  8: 'getChildren',
  9: 'sync',
  12: 'getChildren2',
  14: 'multi',
  15: 'create2',
  18: 'removeWatches',
  19: 'createContainer',
  22: 'multiRead',
  106: 'addWatch',
}

/** Takes a stream of frames apart: four bytes of length, then as many more. */
class Frames {
  #rest = Buffer.alloc(0)
  readonly #onFrame: (frame: Buffer) => void

  constructor(onFrame: (frame: Buffer) => void) {
    this.#onFrame = onFrame
  }

  take(chunk: Buffer): void {
    let rest = Buffer.concat([this.#rest, chunk])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0)
      this.#onFrame(rest.subarray(4, end))
      rest = rest.subarray(end)
    }
    this.#rest = rest
  }
}

/**
 * A proxy on 127.0.0.1 that counts the requests that pass through it to a plain ZooKeeper server, under the names that
 * ZooKeeper's `OpCode` has for them; `connect` is the beginning of a session. Pings and the like are not counted.
 *
 * What it can rewrite are the opcodes: a server answers one that it does not know as an old server answers those that came later.
 */
export class ZooKeeperCounter implements AsyncDisposable {
  readonly counts: Map<string, number> = new Map()
  /** Round trips: what is asked while something else is not answered yet is part of the same one. */
  total = 0
  /** The names of requests that the server is to take for unknown ones. */
  readonly unknown: Set<string> = new Set()

  readonly #host: string
  readonly #port: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #toLose = new Set<string>()
  readonly #before = new Map<string, () => Promise<unknown>>()
  /** How many requests are not answered yet, on all connections. */
  #underWay = 0

  private constructor(endpoint: string) {
    const { hostname, port } = new URL(`tcp://${endpoint}`)
    this.#host = hostname
    this.#port = Number(port)
    this.#server = createServer({ noDelay: true }, (client) => this.#accept(client))
  }

  static async to(endpoint: string): Promise<ZooKeeperCounter> {
    const counter = new ZooKeeperCounter(endpoint)
    counter.#server.listen(0, '127.0.0.1')
    await once(counter.#server, 'listening')
    return counter
  }

  get endpoint(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  count(name: string): number {
    return this.counts.get(name) ?? 0
  }

  reset(): void {
    this.counts.clear()
    this.total = 0
  }

  /** Lets the work be done just before the next request of that name reaches the server. */
  beforeNext(name: string, work: () => Promise<unknown>): void {
    this.#before.set(name, work)
  }

  loseNextAnswer(name: string): void {
    this.#toLose.add(name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(client: Socket): void {
    const server = connect({ host: this.#host, port: this.#port, noDelay: true })
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
    const lost = new Set<number>()
    let passing = Promise.resolve()
    let isGranted = false
    let [asked, answered] = [0, 0]
    client.on('close', () => {
      this.#underWay -= asked - answered
      asked = answered
    })
    const requests = new Frames((frame) => {
      const name = this.#nameOf(frame)
      if (name !== undefined) {
        asked++
        this.#count(name)
      }
      if (name !== undefined && this.#toLose.delete(name)) lost.add(frame.readInt32BE(0))
      const work = this.#before.get(name ?? '')
      this.#before.delete(name ?? '')
      if (work !== undefined) passing = passing.then(work).then(() => undefined)
      const length = Buffer.alloc(4)
      length.writeInt32BE(frame.length)
      // Nothing overtakes what is held up.
      passing = passing.then(() => void server.write(Buffer.concat([length, frame])))
    })
    const answers = new Frames((frame) => {
      // The grant of the session has no xid.
      if (isGranted && frame.readInt32BE(0) < 0) return
      answered++
      this.#underWay--
      if (isGranted && lost.has(frame.readInt32BE(0))) client.destroy()
      isGranted = true
    })
    client.on('data', (chunk: Buffer) => {
      requests.take(chunk)
    })
    server.on('data', (chunk: Buffer) => {
      answers.take(chunk)
      if (!client.destroyed) client.write(chunk)
    })
  }

  #count(name: string): void {
    this.counts.set(name, this.count(name) + 1)
    if (this.#underWay++ === 0) this.total++
  }

  #nameOf(frame: Buffer): string | undefined {
    // A session begins with the protocol's version, 0; no request has it for an xid.
    const xid = frame.readInt32BE(0)
    if (xid === 0) return 'connect'
    if (xid < 0) return undefined
    const name = names[frame.readInt32BE(4)]
    if (name !== undefined && this.unknown.has(name)) frame.writeInt32BE(999, 4)
    return name ?? 'other'
  }
}
