import type { Auth } from './client-options.ts'
import { AUTH } from './control-packets.ts'
import { writeAuth } from './handshake.ts'
import type { Pipeline } from './pipeline.ts'
import { ZooKeeperError } from './zookeeper-error.ts'

// org.apache.zookeeper.ZooDefs.OpCode
const AUTH_OPCODE = 100

/** The identities of a client, to be proven on each connection. */
export class Authentication {
  readonly #pipeline: Pipeline
  readonly #auths: Auth[]
  readonly #onRefused: (cause: ZooKeeperError) => void

  constructor(
    pipeline: Pipeline,
    auths: readonly Auth[],
    onRefused: (cause: ZooKeeperError) => void,
  ) {
    this.#pipeline = pipeline
    this.#auths = [...auths]
    this.#onRefused = onRefused
  }

  /** Proves another one from now on; at once if there `isConnection`. */
  add(auth: Auth, isConnection: boolean): void {
    this.#auths.push(auth)
    if (isConnection) this.#prove(auth)
  }

  /** Proves all, and calls back when the server has accepted them. */
  proveAll(onProven: () => void): void {
    let unproven = this.#auths.length
    if (unproven === 0) onProven()
    for (const auth of this.#auths) {
      this.#prove(auth, () => {
        if (--unproven === 0) onProven()
      })
    }
  }

  #prove(auth: Auth, onProven?: () => void): void {
    this.#pipeline.control(AUTH, AUTH_OPCODE, writeAuth(auth), (error) => {
      if (error === 0) onProven?.()
      else this.#onRefused(refused(auth))
    })
  }
}

const refused = ({ scheme }: Auth): ZooKeeperError =>
  new ZooKeeperError('AUTH_FAILED', `the server refused the identity of scheme ${scheme}`)
