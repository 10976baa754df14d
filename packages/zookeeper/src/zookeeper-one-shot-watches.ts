import type { Call } from '@libkv/core/driver'
import type { ZooKeeperClient } from './client/index.ts'
import type { TreeNode } from './zookeeper-tree-scan.ts'

/** The watches set on one node. */
interface Armed {
  data: boolean
  children: boolean
  readonly listener: (event: { readonly type: string }) => void
}

/**
 * Two watches for each node of a tree, for servers before 3.6, which have no recursive watches.
 * Each fires once. A change while the connection is lost fires it after the reconnect.
 */
export class OneShotWatches {
  readonly #client: ZooKeeperClient
  readonly #onChange: () => void
  readonly #armed = new Map<string, Armed>()

  constructor(client: ZooKeeperClient, onChange: () => void) {
    this.#client = client
    this.#onChange = onChange
  }

  /**
   * Watches the nodes that were read, and a missing root.
   *
   * @returns whether any of them changed after it was read.
   */
  async arm(root: string, nodes: readonly TreeNode[], call: Call): Promise<boolean> {
    if (nodes.length === 0) return (await this.#armData(root, call)) !== undefined
    const changes = await Promise.all(
      nodes.map(async ({ path, node: { stat } }) => {
        const [mzxid = stat.mzxid, pzxid = stat.pzxid] = await Promise.all([
          this.#armData(path, call),
          this.#armChildren(path, call),
        ])
        return mzxid !== stat.mzxid || pzxid !== stat.pzxid
      }),
    )
    return changes.some(Boolean)
  }

  /** The session has ended, and with it all watches. */
  forget(): void {
    this.#armed.clear()
  }

  clear(): void {
    for (const [path, { listener }] of this.#armed) {
      void this.#client.removeWatch(path, listener).catch(() => undefined)
    }
    this.#armed.clear()
  }

  /** @returns the last write of the node; undefined if it is missing or was watched already. */
  async #armData(path: string, call: Call): Promise<bigint | undefined> {
    const armed = this.#armedAt(path)
    if (armed.data) return undefined
    armed.data = true
    const stat = await this.#client.exists(path, call, armed.listener)
    return stat?.mzxid
  }

  async #armChildren(path: string, call: Call): Promise<bigint | undefined> {
    const armed = this.#armedAt(path)
    if (armed.children) return undefined
    armed.children = true
    const found = await this.#client.children(path, call, armed.listener)
    if (found === null) armed.children = false
    return found?.stat.pzxid ?? -1n
  }

  #armedAt(path: string): Armed {
    const known = this.#armed.get(path)
    if (known !== undefined) return known
    const armed: Armed = {
      data: false,
      children: false,
      listener: ({ type }) => {
        if (type !== 'childrenChanged') armed.data = false
        if (type === 'childrenChanged' || type === 'deleted') armed.children = false
        if (!armed.data && !armed.children) this.#armed.delete(path)
        this.#onChange()
      },
    }
    this.#armed.set(path, armed)
    return armed
  }
}
