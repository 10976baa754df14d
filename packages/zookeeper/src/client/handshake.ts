// ConnectRequest and ConnectResponse: how a connection begins.
import type { Auth } from './client-options.ts'
import { malformed } from './jute-reader.ts'
import type { JuteReader } from './jute-reader.ts'
import { JuteWriter } from './jute-writer.ts'
import { ZooKeeperError } from './zookeeper-error.ts'

export interface SessionIdentity {
  /** 0 asks for a new session. */
  readonly id: bigint
  readonly password: Uint8Array
}

// All servers so far have passwords of 16 bytes.
const MOST_PASSWORD = 256

/** No session yet. */
export const NEW_SESSION: SessionIdentity = { id: 0n, password: new Uint8Array(16) }

/** Refuses what no server can have granted. */
export function checkIdentity(identity: SessionIdentity): SessionIdentity {
  if (identity.password.length <= MOST_PASSWORD) return identity
  throw new ZooKeeperError('BAD_ARGUMENTS', 'the session password is too long')
}

/** What a server grants. */
export interface Grant extends SessionIdentity {
  /** The session timeout in milliseconds; 0 or less says that the session is over. */
  readonly timeout: number
  /** The server has lost the others, and only reads. */
  readonly isReadOnly: boolean
}

/** @param zxid - the last one seen: a server that has not come so far refuses the session */
export function connectRequest(
  { id, password }: SessionIdentity,
  timeout: number,
  zxid: bigint,
): readonly Buffer[] {
  const writer = new JuteWriter(1024)
  writer.beginFrame()
  writer.int(0) // the protocol's version
  writer.long(zxid)
  writer.int(timeout)
  writer.long(id)
  writer.buffer(password)
  writer.bool(false) // a server that only reads will not do
  writer.endFrame()
  return writer.take()
}

export function readGrant(frame: JuteReader): Grant {
  frame.int()
  const timeout = frame.int()
  const id = frame.long()
  const password = frame.buffer() ?? new Uint8Array()
  if (password.length > MOST_PASSWORD) throw malformed('a session password that is too long')
  const isReadOnly = frame.remaining > 0 && frame.bool()
  return { timeout, id, password, isReadOnly }
}

/** AuthPacket: proves an identity. */
export function writeAuth({ scheme, auth }: Auth): (writer: JuteWriter) => void {
  return (writer) => {
    writer.int(0)
    writer.string(scheme)
    writer.buffer(typeof auth === 'string' ? Buffer.from(auth) : auth)
  }
}
