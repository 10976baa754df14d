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

function framed(content: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(content.length)
  return Buffer.concat([length, content])
}

/** A request that any server knows, for the root. */
function exists(xid: number): Buffer {
  const request = Buffer.alloc(14)
  request.writeInt32BE(xid, 0)
  request.writeInt32BE(3, 4)
  request.writeInt32BE(1, 8)
  request.write('/', 12)
  return request
}

/** The head of an answer, with another error: xid, zxid, UNIMPLEMENTED. */
function unimplemented(answer: Buffer): Buffer {
  const head = Buffer.from(answer.subarray(0, 16))
  head.writeInt32BE(-6, 12)
  return head
}

/**
 * A proxy on 127.0.0.1 that counts the requests that pass through it to a plain ZooKeeper server, under the names that
 * ZooKeeper's `OpCode` has for them; `connect` is the beginning of a session. Pings and the like are not counted.
 *
 * Requests named in `unknown` are answered as by an old server, which does not know them.
 */
export class ZooKeeperCounter implements AsyncDisposable {
  readonly counts: Map<string, number> = new Map()
  /** Round trips: what is asked while something else is not answered yet is part of the same one. */
  total = 0
  /** The names of requests that are answered with UNIMPLEMENTED. */
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
    const refused = new Set<number>()
    const requests = new Frames((frame) => {
      const name = this.#nameOf(frame)
      if (name !== undefined) {
        asked++
        this.#count(name)
        if (this.#toLose.delete(name)) lost.add(frame.readInt32BE(0))
      }
      const isUnknown = this.unknown.has(name ?? '')
      if (isUnknown) refused.add(frame.readInt32BE(0))
      const work = this.#before.get(name ?? '')
      this.#before.delete(name ?? '')
      if (work !== undefined) passing = passing.then(work).then(() => undefined)
      // Nothing overtakes what is held up, or what is asked instead so that there is an answer in its place.
      const passed = framed(isUnknown ? exists(frame.readInt32BE(0)) : frame)
      passing = passing.then(() => void server.write(passed))
    })
    const answers = new Frames((frame) => {
      // The grant of the session has no xid.
      const xid = isGranted ? frame.readInt32BE(0) : 0
      if (xid >= 0) {
        answered++
        this.#underWay--
        if (lost.has(xid)) client.destroy()
      }
      isGranted = true
      const answer = refused.delete(xid) ? unimplemented(frame) : frame
      if (!client.destroyed) client.write(framed(answer))
    })
    client.on('data', (chunk: Buffer) => {
      requests.take(chunk)
    })
    server.on('data', (chunk: Buffer) => {
      answers.take(chunk)
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
    return name ?? 'other'
  }
}
