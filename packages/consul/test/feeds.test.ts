import { describe, expect, it } from '@jest/globals'
import { setMaxListeners } from 'node:events'
import type { KVPair, Store } from '@libkv/core'
import { consul } from '@libkv/consul'
import { waitFor } from '@libkv/testing'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import { RequestCounter, startServers } from '@libkv/testing/servers'
import type { Servers } from '@libkv/testing/servers'
import { lockQueueCase, quiet } from './lock-queue.ts'

/** Watches of single keys of one directory, each with the states that it has seen. */
class KeyWatches implements AsyncDisposable {
  readonly seen: Map<string, (KVPair | null)[]> = new Map()
  readonly errors: Map<string, unknown> = new Map()
  readonly #controller = new AbortController()
  readonly #done: Promise<unknown>

  constructor(store: Store, keys: readonly string[]) {
    setMaxListeners(0, this.#controller.signal)
    this.#done = Promise.all(keys.map((key) => this.#follow(store, key)))
  }

  async #follow(store: Store, key: string): Promise<void> {
    const states: (KVPair | null)[] = []
    this.seen.set(key, states)
    try {
      for await (const pair of store.watch(key, { signal: this.#controller.signal })) {
        states.push(pair)
      }
    } catch (error) {
      if (!this.#controller.signal.aborted) this.errors.set(key, error)
    }
  }

  last(key: string): string | null | undefined {
    const state = this.seen.get(key)?.at(-1)
    return state === undefined || state === null ? state : state.text()
  }

  async started(): Promise<this> {
    const all = (): boolean => [...this.seen.values()].every((states) => states.length > 0)
    await waitFor(all, { what: 'the first states' })
    return this
  }

  /** Resolves when the watch of the key has shown the text, or null, last. */
  async shows(key: string, text: string | null): Promise<void> {
    await waitFor(() => this.last(key) === text, {
      what: `${key} to be ${String(text)}`,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort()
    await this.#done
  }
}

const namesIn = (directory: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${directory}/${String(i)}`)

describe('many watched keys of one directory of Consul', () => {
  const servers = runningServers('consul')
  const endpoint = (): string => servers().endpoints[0] ?? ''

  it('cost five blocking queries, and no polling', async () => {
    await using counter = await RequestCounter.to(endpoint())
    await using kv = consul([counter.endpoint])
    await using direct = consul([endpoint()])
    const keys = namesIn('rest', 1_000)
    await using watches = await new KeyWatches(kv, keys).started()
    await direct.put('rest/0', 'first')
    await direct.put('rest/999', 'first')
    await watches.shows('rest/0', 'first')
    await watches.shows('rest/999', 'first')
    counter.reset()
    const changes = 50
    for (let i = 0; i < changes; i++) {
      await direct.put('rest/500', String(i))
      await watches.shows('rest/500', String(i))
    }
    // A wake-up of the directory's query each; the keys that are absent wake for it, too, ten times a second at the most.
    expect(counter.total).toBeLessThan(changes * 2 + 100)
    expect(watches.errors).toEqual(new Map())
  })

  it('show what becomes of each: changes, deletions, what is created again, each once', async () => {
    await using kv = consul([endpoint()])
    await using direct = consul([endpoint()])
    const keys = namesIn('each', 50)
    for (const key of keys) await direct.put(key, '0')
    await using watches = await new KeyWatches(kv, keys).started()
    for (let round = 1; round <= 3; round++) {
      await Promise.all(keys.map((key) => direct.put(key, String(round))))
      for (const key of keys) await watches.shows(key, String(round))
    }
    await Promise.all(keys.map((key) => direct.delete(key)))
    for (const key of keys) await watches.shows(key, null)
    await Promise.all(keys.map((key) => direct.put(key, 'again')))
    for (const key of keys) await watches.shows(key, 'again')
    for (const states of watches.seen.values()) {
      expect(states.map((state) => state?.text() ?? null)).toEqual([
        ...['0', '1', '2', '3'],
        null,
        'again',
      ])
    }
  })

  it('begin with a state that was read after the watch began, while others write', async () => {
    await using kv = consul([endpoint()])
    await using direct = consul([endpoint()])
    await using watches = await new KeyWatches(kv, namesIn('late', 10)).started()
    for (let i = 0; i < 100; i++) {
      const key = `late/new-${String(i)}`
      const { revision } = await direct.put(key, String(i))
      const states = kv.watch(key)[Symbol.asyncIterator]()
      expect((await states.next()).value?.revision).toBe(revision)
      const next = await direct.put(key, 'next')
      expect((await states.next()).value?.revision).toBe(next.revision)
      await states.return?.()
    }
    expect(watches.errors).toEqual(new Map())
  })

  it('are told the truth after the server lost its data', async () => {
    await using kv = consul([endpoint()], { connectionTimeout: 1_000 })
    await using direct = consul([endpoint()])
    const keys = namesIn('lost', 20)
    for (let i = 0; i < 50; i++) await direct.put('elsewhere', String(i))
    for (const key of keys.slice(0, 10)) await direct.put(key, 'old')
    await using watches = await new KeyWatches(kv, keys).started()
    const [node] = servers().nodes
    await node?.kill()
    await node?.wipe()
    await node?.start()
    await waitFor(() => direct.put('lost/0', 'new'), { what: 'a write to the new server' })
    await watches.shows('lost/0', 'new')
    for (const key of keys.slice(1, 10)) await watches.shows(key, null)
    // Absent before and after, while the index began anew.
    await direct.put('lost/19', 'new')
    await watches.shows('lost/19', 'new')
  })

  it('are asked for one by one where the directory is large, without missing anything', async () => {
    await using direct = consul([endpoint()])
    const value = Buffer.alloc(300 * 1024, 'x')
    for (let i = 0; i < 4; i++) await direct.put(`large/value-${String(i)}`, value)
    await using counter = await RequestCounter.to(endpoint())
    await using kv = consul([counter.endpoint])
    const keys = namesIn('large', 20)
    await using watches = await new KeyWatches(kv, keys).started()
    for (const key of keys) await direct.put(key, 'x')
    for (const key of keys) await watches.shows(key, 'x')
    // It was tried, and given up before all of it had come.
    expect(counter.count('GET /v1/kv/large/')).toBe(1)
    expect(watches.errors).toEqual(new Map())
  })

  it('are shared again when all were given up a moment ago', async () => {
    await using direct = consul([endpoint()])
    const keys = namesIn('churn', 60)
    const value = 'x'.repeat(4 * 1024)
    for (const key of keys) await direct.put(key, value)
    await using counter = await RequestCounter.to(endpoint())
    await using kv = consul([counter.endpoint])
    for (let round = 0; round < 3; round++) {
      await using watches = await new KeyWatches(kv, keys).started()
      await direct.put('churn/59', String(round))
      await watches.shows('churn/59', String(round))
    }
    await using watches = await new KeyWatches(kv, keys).started()
    await quiet(counter)
    await direct.put('churn/59', 'last')
    await watches.shows('churn/59', 'last')
  })

  it('go on while the directory grows too large for them', async () => {
    await using kv = consul([endpoint()])
    await using direct = consul([endpoint()])
    const keys = namesIn('grows', 20)
    await using watches = await new KeyWatches(kv, keys).started()
    await direct.put('grows/19', '1')
    await watches.shows('grows/19', '1')
    await direct.put('grows/large', Buffer.alloc(400 * 1024))
    await direct.put('grows/19', '2')
    await watches.shows('grows/19', '2')
    expect(watches.errors).toEqual(new Map())
  })

  lockQueueCase(endpoint, 50)
})

/** Who may do everything. */
class Administrator {
  readonly token: string
  readonly #endpoint: string

  constructor(servers: Servers<'consul'>) {
    this.token = servers.credentials?.managementToken ?? ''
    this.#endpoint = servers.endpoints[0] ?? ''
  }

  async put(path: string, body: object): Promise<{ ID: string; SecretID: string }> {
    const answer = await fetch(`${this.#endpoint}/v1/acl/${path}`, {
      method: 'PUT',
      headers: { 'x-consul-token': this.token },
      body: JSON.stringify(body),
    })
    if (!answer.ok) throw new Error(await answer.text())
    return (await answer.json()) as { ID: string; SecretID: string }
  }

  /** A token to which these rules apply, and the id of the policy that has them. */
  async grant(name: string, rules: string): Promise<{ policy: string; token: string }> {
    const { ID: policy } = await this.put('policy', { Name: name, Rules: rules })
    const { SecretID: token } = await this.put('token', { Policies: [{ ID: policy }] })
    return { policy, token }
  }
}

describe('many watched keys of one directory of which a token may read a part', () => {
  const args = ['-hcl', 'acl { token_ttl = "100ms" policy_ttl = "100ms" }']
  const servers = runningServers('consul', { security: 'auth', args })
  const endpoint = (): string => servers().endpoints[0] ?? ''

  const rules = (keys: readonly string[]): string =>
    keys.map((key) => `key "${key}" { policy = "read" }`).join('\n')

  it('are shown if they are allowed, and ACCESS_DENIED if they are not, now or later', async () => {
    const keys = namesIn('part', 40)
    const [forbidden = '', withdrawn = '', absent = ''] = keys
    const allowed = keys.filter((key) => key !== forbidden)
    const administrator = new Administrator(servers())
    const { policy, token } = await administrator.grant('part', rules(allowed))
    await using root = consul([endpoint()], { token: administrator.token })
    for (const key of keys) if (key !== absent) await root.put(key, '1')
    await using kv = consul([endpoint()], { token })
    await using watches = new KeyWatches(kv, [...keys].reverse())
    for (const key of allowed) await watches.shows(key, key === absent ? null : '1')
    await waitFor(() => watches.errors.has(forbidden), { what: 'the refusal' })
    const denied = { code: 'ACCESS_DENIED', retryable: false }
    expect(watches.errors.get(forbidden)).toMatchObject(denied)
    for (const key of allowed) await root.put(key, '2')
    for (const key of allowed) await watches.shows(key, '2')
    await root.delete(keys[3] ?? '')
    await watches.shows(keys[3] ?? '', null)
    // From now on it is left out of what the server lists, as if it were gone.
    const rest = allowed.filter((key) => key !== withdrawn)
    await administrator.put(`policy/${policy}`, { Name: 'part', Rules: rules(rest) })
    await waitFor(
      async () => {
        for (const key of allowed) await root.put(key, '3')
        return watches.errors.has(withdrawn)
      },
      { what: 'the refusal' },
    )
    expect(watches.errors.get(withdrawn)).toMatchObject(denied)
    expect(watches.seen.get(withdrawn)).not.toContain(null)
    for (const key of allowed) if (key !== withdrawn) await watches.shows(key, '3')
    expect([...watches.errors.keys()].sort()).toEqual([forbidden, withdrawn])
  })

  it('are asked for one by one where the directory may not be listed', async () => {
    await using strict = await startServers('consul', {
      security: 'auth',
      args: ['-hcl', 'acl { enable_key_list_policy = true }'],
    })
    const administrator = new Administrator(strict)
    const { token } = await administrator.grant('read', 'key_prefix "strict/" { policy = "read" }')
    await using root = consul(strict.endpoints, { token: administrator.token })
    await using kv = consul(strict.endpoints, { token })
    await expect(kv.list('strict')).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    const keys = namesIn('strict', 40)
    await using watches = await new KeyWatches(kv, keys).started()
    for (const key of keys) await root.put(key, 'x')
    for (const key of keys) await watches.shows(key, 'x')
    expect(watches.errors).toEqual(new Map())
  })
})
