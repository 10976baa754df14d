import { isLibkvError } from '@libkv/core'
import { isInRanges, rangeOfPrefix } from '@libkv/core/driver'
import type { Call, KeyRange } from '@libkv/core/driver'
import type { Runtime } from '@libkv/core'
import type { ConsulAccess } from './consul-access.ts'
import type { ConsulClient } from './consul-client.ts'
import { encodeTxn, isPrintable, nonce, pathOf } from './consul-codec.ts'
import type { KvOperation } from './consul-codec.ts'
import { errorOfAnswer } from './consul-errors.ts'
import { readByTxn, sendTxn } from './consul-txn.ts'

/** Keys and directories that one transaction deletes, by two operations each. */
const BATCH = 32

/** Deletes trees, and counts what it deletes. */
export class ConsulRemoval {
  readonly #client: ConsulClient
  readonly #access: ConsulAccess
  readonly #runtime: Runtime

  constructor(client: ConsulClient, access: ConsulAccess, runtime: Runtime) {
    this.#client = client
    this.#access = access
    this.#runtime = runtime
  }

  /** A whole prefix takes one transaction. Of a part the names at the top are read first. */
  async remove(prefix: string, ranges: readonly KeyRange[], call: Call): Promise<number> {
    const { from, to } = rangeOfPrefix(prefix)
    const isWhole = ranges.some((range) => range.from === from && range.to === to)
    const top = isWhole ? [prefix] : await this.#topOf(prefix, call)
    const key = prefix.slice(0, -1)
    const names = [...(key === '' ? [] : [key]), ...top].filter((name) => isInRanges(name, ranges))
    // In a part, the prefix itself is a key: Consul's UI writes one for a folder.
    const isTree = (name: string): boolean => (name === prefix ? isWhole : name.endsWith('/'))
    let count = 0
    for (let i = 0; i < names.length && !call.settled; i += BATCH) {
      try {
        count += await this.#remove(names.slice(i, i + BATCH), isTree, call)
      } catch (error) {
        throw count > 0 && isLibkvError(error) ? error.with({ ambiguous: true }) : error
      }
    }
    return count
  }

  /** One transaction. */
  async #remove(
    names: readonly string[],
    isTree: (name: string) => boolean,
    call: Call,
  ): Promise<number> {
    const keys = new Set(names.filter((name) => !isTree(name)))
    const operations = names.flatMap((name): KvOperation[] =>
      keys.has(name)
        ? // A deletion has no result; what is set first has one.
          [
            { Verb: 'set', Key: name, Flags: nonce(this.#runtime) },
            { Verb: 'delete', Key: name },
          ]
        : [
            { Verb: 'get-tree', Key: name },
            { Verb: 'delete-tree', Key: name },
          ],
    )
    const { results, problems } = await sendTxn(this.#client, encodeTxn(operations), call)
    if (problems !== undefined) {
      // There are no conditions, so it can only be this.
      const denial = problems.find(({ What }) => What.includes('denied')) ?? problems[0]
      throw errorOfAnswer(409, denial?.What)
    }
    return results.filter(({ KV }) => !keys.has(KV.Key) || KV.CreateIndex < KV.ModifyIndex).length
  }

  /** The keys right below a prefix, and its directories, which end in a slash. */
  async #topOf(prefix: string, call: Call): Promise<string[]> {
    if (!isPrintable(prefix)) {
      const tree = { Verb: 'get-tree', Key: prefix } as const
      const top = (await readByTxn(this.#client, tree, 'consistent', call)).map(({ key }) => {
        const end = key.indexOf('/', prefix.length)
        return end < 0 ? key : key.slice(0, end + 1)
      })
      return [...new Set(top)]
    }
    const { status, body } = await this.#client.request(
      { method: 'GET', path: `kv/${pathOf(prefix)}?keys&separator=/&consistent` },
      [200, 404],
      call,
    )
    if (status === 200) return JSON.parse(body.toString()) as string[]
    await this.#access.refuseIfHidden(prefix, call)
    return []
  }
}
