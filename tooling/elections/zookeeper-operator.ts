import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'

/**
 * Closes a session of which nothing but the id (`0x…`) is known. ZooKeeper has no command for it; but a session belongs to whoever
 * connects with its id and password, and its servers make the password from the id
 * (`SessionTrackerImpl`/`ZooKeeperServer.generatePasswd`).
 */
export async function closeSession(endpoint: string, id: string): Promise<void> {
  const { hostname, port } = new URL(`tcp://${endpoint}`)
  const socket = connect({ host: hostname, port: Number(port) })
  socket.setTimeout(2_000, () => socket.destroy(new Error(`${endpoint}: no answer`)))
  try {
    const welcome = await exchange(socket, hello(BigInt(id)))
    // The timeout that was granted.
    if (welcome.readInt32BE(8) <= 0) throw new Error(`${endpoint} knows no session ${id}`)
    await exchange(socket, CLOSE)
  } finally {
    socket.destroy()
  }
}

/** The frame with which a client connects to a session that exists. */
function hello(id: bigint): Buffer {
  const frame = Buffer.alloc(49)
  frame.writeInt32BE(45, 0)
  // The protocol's version and the last zxid seen are 0.
  frame.writeInt32BE(10_000, 16)
  frame.writeBigInt64BE(BigInt.asIntN(64, id), 20)
  frame.writeInt32BE(16, 28)
  passwordOf(id).copy(frame, 32)
  return frame
}

/** `xid` 1, `OpCode.closeSession`. */
const CLOSE = Buffer.from([0, 0, 0, 8, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xf5])

/** What `java.util.Random`, begun with the id and a number of ZooKeeper's, fills 16 bytes with. */
function passwordOf(id: bigint): Buffer {
  const multiplier = 0x5deece66dn
  const password = Buffer.alloc(16)
  let state = BigInt.asUintN(48, id ^ 0xb3415c00n ^ multiplier)
  for (let at = 0; at < password.length; at += 4) {
    state = BigInt.asUintN(48, state * multiplier + 0xbn)
    password.writeUInt32LE(Number(state >> 16n), at)
  }
  return password
}

async function exchange(socket: Socket, frame: Buffer): Promise<Buffer> {
  socket.write(frame)
  // Both answers are short, and come in one piece.
  const [answer] = (await once(socket, 'data')) as [Buffer]
  return answer
}
