import { Metadata } from '@grpc/grpc-js'

/**
 * The token that goes with every request of a user. It is asked for once, whoever needs it, and again when the server
 * says that it is stale: it expired, the server restarted, or the users were changed.
 */
export class EtcdAuthentication {
  readonly #authenticate: () => Promise<string>
  #pending: Promise<Metadata> | undefined
  #metadata: Metadata | undefined

  /** @param authenticate - asks the server for a token. */
  constructor(authenticate: () => Promise<string>) {
    this.#authenticate = authenticate
  }

  /** What to send along. */
  metadata(): Promise<Metadata> {
    return (this.#pending ??= this.#renew())
  }

  /** What was sent along last, without asking. */
  get known(): Metadata | undefined {
    return this.#metadata
  }

  /** The server refused this one. */
  invalidate(metadata: Metadata): void {
    if (this.#metadata === metadata) this.#pending = undefined
  }

  async #renew(): Promise<Metadata> {
    try {
      const metadata = new Metadata()
      metadata.set('token', await this.#authenticate())
      return (this.#metadata = metadata)
    } catch (error) {
      this.#pending = undefined
      throw error
    }
  }
}
