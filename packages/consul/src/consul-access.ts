import type { Call } from '@libkv/core/driver'
import type { ConsulClient } from './consul-client.ts'
import { isPrintable, pathOf } from './consul-codec.ts'

/** Tells what is absent from what the token may not see. */
export class ConsulAccess {
  readonly #client: ConsulClient
  /** Whether the servers have access control; undefined while nobody knows. */
  isControlled: boolean | undefined

  constructor(client: ConsulClient) {
    this.#client = client
  }

  /** Whether what does not show may be there all the same. */
  async mayHide(call: Call): Promise<boolean> {
    if (this.isControlled === undefined) {
      const { status } = await this.#client.request(
        { method: 'GET', path: 'acl/token/self' },
        [200, 400, 401, 403, 404, 500],
        call,
      )
      this.isControlled = status !== 401
    }
    return this.isControlled
  }

  /**
   * Servers leave out of a list what the token may not read, so that a forbidden directory looks empty. Whether it is shows
   * a key in it.
   *
   * @throws LibkvError `ACCESS_DENIED`.
   */
  async refuseIfHidden(prefix: string, call: Call): Promise<void> {
    if (!(await this.mayHide(call)) || !isPrintable(prefix)) return
    const key = `${prefix}libkv-access`
    await this.#client.request({ method: 'GET', path: `kv/${pathOf(key)}` }, [200, 404], call)
  }
}
