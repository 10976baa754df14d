import type { KVPair, Session, Store, TreeSnapshot, Ttl } from '@libkv/core'

/** The methods that a broken store has of its own. */
export type Breakage = (store: Store) => Partial<Store>

/** The store with some of its methods replaced. */
export function breakStore(store: Store, breakage: Breakage): Store {
  return replace(store, breakage(store))
}

/** The object with some of its members replaced. */
export function replace<T extends object>(whole: T, parts: Partial<T>): T {
  return new Proxy(whole, {
    get(of, property) {
      if (property in parts) return Reflect.get(parts, property) as unknown
      const value: unknown = Reflect.get(of, property, of)
      return typeof value === 'function' ? (value.bind(of) as unknown) : value
    },
  })
}

const bytes = (value: Uint8Array | string): Uint8Array =>
  typeof value === 'string' ? new TextEncoder().encode(value) : value

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')))

export const later = async (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

async function* mapped<T, U>(
  source: AsyncIterable<T>,
  map: (state: T) => Iterable<U>,
): AsyncGenerator<U> {
  for await (const state of source) yield* map(state)
}

export const listsSiblings: Breakage = (store) => ({
  list: async (directory) => {
    const pairs = await store.list(parentOf(directory))
    return pairs.filter(({ key }) => key !== directory && key.startsWith(directory))
  },
})

export const listsOneLevel: Breakage = (store) => ({
  list: async (directory) =>
    (await store.list(directory)).filter(({ key }) => parentOf(key) === directory),
  keys: async (directory) =>
    (await store.keys(directory)).filter((key) => parentOf(key) === directory),
})

export const listsInUtf16Order: Breakage = (store) => ({
  keys: async (directory) => (await store.keys(directory)).sort(),
})

export const listsRelativeKeys: Breakage = (store) => ({
  keys: async (directory) =>
    (await store.keys(directory)).map((key) => key.slice(directory.length + 1)),
})

export const showsParents: Breakage = (store) => ({
  exists: async (key) => (await store.exists(key)) || (await store.keys(key)).length > 0,
})

export const truncates: Breakage = (store) => ({
  put: (key, value, options) => store.put(key, bytes(value).subarray(0, 10_000), options),
})

export const storesText: Breakage = (store) => ({
  put: (key, value, options) => store.put(key, new TextDecoder().decode(bytes(value)), options),
})

export const composesKeys: Breakage = (store) => ({
  get: (key) => store.get(key.normalize()),
  put: (key, value, options) => store.put(key.normalize(), value, options),
})

export const dropsEqualBytes: Breakage = (store) => ({
  put: async (key, value, options) => {
    const there = await store.get(key)
    const isEqual = there !== null && Buffer.compare(there.value, bytes(value)) === 0
    return isEqual ? there : store.put(key, value, options)
  },
})

export const alwaysDeletes: Breakage = (store) => ({
  delete: async (key, options) => {
    await store.delete(key, options)
    return true
  },
})

export const deletesSiblings: Breakage = (store) => ({
  deleteTree: async (directory) => {
    const keys = await store.keys(parentOf(directory))
    const doomed = keys.filter((key) => key.startsWith(directory))
    await Promise.all(doomed.map((key) => store.delete(key)))
    return doomed.length
  },
})

export const ignoresPrevious: Breakage = (store) => ({
  atomicPut: (key, value, _previous, options) => store.put(key, value, options),
})

export const comparesValues: Breakage = (store) => ({
  atomicPut: async (key, value, previous, options) => {
    const there = await store.get(key)
    const isEqual =
      previous && there && Buffer.compare((previous as KVPair).value, there.value) === 0
    return store.atomicPut(key, value, isEqual ? there : previous, options)
  },
})

export const readsThenWrites: Breakage = (store) => ({
  atomicPut: async (key, value, previous, options) => {
    const there = await store.get(key)
    if (there?.revision !== previous?.revision) {
      return store.atomicPut(key, value, previous, options)
    }
    return store.put(key, value, options)
  },
})

export const transactsInSteps: Breakage = (store) => ({
  transaction: async (operations, options) => {
    const [first] = operations
    if (first?.type === 'put') await store.put(first.key, first.value)
    return store.transaction(operations, options)
  },
})

export const readsFromACache: Breakage = (store) => {
  const cache = new Map<string, KVPair | null>()
  return {
    get: async (key, options) => {
      const pair = cache.get(key) ?? (await store.get(key, options))
      cache.set(key, pair)
      return pair
    },
  }
}

export const neverExpires: Breakage = (store) => ({
  put: (key, value, options) => store.put(key, value, { ...options, ttl: undefined }),
})

export const expiresEarly: Breakage = (store) => ({
  put: (key, value, options) => {
    const ttl = options?.ttl === undefined ? undefined : Number(options.ttl) / 2
    return store.put(key, value, { ...options, ttl })
  },
})

export const expiresLate: Breakage = (store) => ({
  put: (key, value, options) => {
    const ttl = options?.ttl === undefined ? undefined : Number(options.ttl) * 10
    return store.put(key, value, { ...options, ttl })
  },
})

export const keepsItsTtl: Breakage = (store) => {
  const ttls = new Map<string, Ttl | undefined>()
  return {
    put: (key, value, options) => {
      const ttl = options?.ttl ?? ttls.get(key)
      ttls.set(key, ttl)
      return store.put(key, value, { ...options, ttl })
    },
  }
}

export const keepsSessionKeys: Breakage = (store) => ({
  put: (key, value, options) => store.put(key, value, { ...options, session: undefined }),
})

export const believesForEver: Breakage = (store) => ({
  session: async (options) => {
    const session = await store.session(options)
    return replace<Session>(session, { isAlive: () => true })
  },
})

export const watchesOnce: Breakage = (store) => ({
  async *watch(key, options) {
    for await (const state of store.watch(key, options)) {
      yield state
      return
    }
  },
})

export const showsTheDead: Breakage = (store) => ({
  watch: (key, options) => {
    let last: KVPair | null = null
    return mapped(store.watch(key, options), (pair) => [(last = pair ?? last)])
  },
})

export const repeatsStates: Breakage = (store) => ({
  watch: (key, options) => mapped(store.watch(key, options), (pair) => [pair, pair]),
})

export const watchesSiblings: Breakage = (store) => ({
  watchTree: (directory, options) => store.watchTree(parentOf(directory), options),
})

export const forgetsPrevious: Breakage = (store) => ({
  watchTree: (directory, options) =>
    mapped(store.watchTree(directory, options), (snapshot) => {
      const changes = snapshot.changes.map(({ previous: _, ...change }) => change)
      return [{ ...snapshot, pairs: snapshot.pairs, changes } as TreeSnapshot]
    }),
})

export const ignoresAborts: Breakage = (store) => ({
  get: async (key, options) => {
    await later(1)
    return store.get(key, { ...options, signal: undefined })
  },
})

export const wrapsAborts: Breakage = (store) => ({
  get: async (key, options) => {
    try {
      return await store.get(key, options)
    } catch (error) {
      throw options?.signal?.aborted === true ? new Error('aborted', { cause: error }) : error
    }
  },
})

export const answersWhenClosed: Breakage = (store) => {
  let last: KVPair | null = null
  return {
    get: async (key, options) => {
      const pair = store.get(key, options)
      return (last = await pair.catch(() => last))
    },
  }
}

export const leaksTimers: Breakage = (store) => ({
  get: (key, options) => {
    // Several, for the runner's own timers come and go.
    for (let i = 0; i < 5; i++) setTimeout(() => undefined, 20_000)
    return store.get(key, options)
  },
})
