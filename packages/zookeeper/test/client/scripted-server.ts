import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { FrameReader } from '../../src/client/frame-reader.ts'
import { JuteWriter } from '../../src/client/jute-writer.ts'

/** A frame from what is to be in it. */
export function frameOf(write: (writer: JuteWriter) => void): Buffer {
  const writer = new JuteWriter(1 << 27)
  writer.beginFrame()
  write(writer)
  writer.endFrame()
  return Buffer.concat(writer.take())
}

export const reply = (
  xid: number,
  error = 0,
  write: (writer: JuteWriter) => void = () => {},
  zxid = 1n,
): Buffer =>
  frameOf((writer) => {
    writer.int(xid)
    writer.long(zxid)
    writer.int(error)
    write(writer)
  })

export interface Asked {
  readonly zxid: bigint
  readonly timeout: number
  readonly id: bigint
}

export interface Requested {
  readonly xid: number
  readonly opcode: number
  readonly size: number
}

export interface Script {
  /** What to grant; `null` hangs up. @default session 7 for ten seconds */
  grant?(
    asked: Asked,
  ): { timeout?: number; id?: bigint; readOnly?: boolean; password?: Uint8Array } | null
  /** What to answer: nothing, a frame, or whatever bytes; `null` hangs up. @default an empty answer */
  answer?(request: Requested): Buffer | null | undefined
}

const PING = 11

/** A server that does what a test tells it to, also what no real one does. */
export class ScriptedServer implements AsyncDisposable {
  readonly requests: Requested[] = []
  readonly asked: Asked[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(script: Script) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket))
      this.#serve(socket, script)
    })
  }

  static async start(script: Script = {}): Promise<ScriptedServer> {
    const server = new ScriptedServer(script)
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  get endpoint(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Sends bytes on all connections. */
  send(data: Buffer): void {
    for (const socket of this.#sockets) socket.write(data)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(socket: Socket, script: Script): void {
    let isGranted = false
    const frames = new FrameReader(1 << 27, (frame) => {
      if (!isGranted) {
        isGranted = true
        frame.int()
        const asked = { zxid: frame.long(), timeout: frame.int(), id: frame.long() }
        this.asked.push(asked)
        const grant = script.grant === undefined ? {} : script.grant(asked)
        if (grant === null) return void socket.destroy()
        const { timeout = 10_000, id = 7n, readOnly = false, password = new Uint8Array(16) } = grant
        socket.write(
          frameOf((writer) => {
            writer.int(0)
            writer.int(timeout)
            writer.long(id)
            writer.buffer(password)
            writer.bool(readOnly)
          }),
        )
        return
      }
      const size = frame.remaining
      const request = { xid: frame.int(), opcode: frame.int(), size }
      this.requests.push(request)
      const isPing = request.opcode === PING
      const answer =
        script.answer === undefined || isPing ? reply(request.xid) : script.answer(request)
      if (answer === null) socket.destroy()
      else if (answer !== undefined) socket.write(answer)
    })
    socket.on('data', (chunk: Buffer) => {
      frames.push(chunk)
    })
  }
}
