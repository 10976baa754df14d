import { createRequire } from 'node:module'

/** As much of another client as it takes to see that one reads what the other writes. */
export interface OtherClient {
  readonly name: string
  create(path: string, data: Uint8Array, ephemeral?: boolean): Promise<void>
  set(path: string, data: Uint8Array): Promise<void>
  get(path: string): Promise<{ data: Uint8Array | null | undefined; version: number }>
  children(path: string): Promise<string[]>
  delete(path: string): Promise<void>
  /** Resolves when the node changes. */
  changed(path: string): Promise<void>
  close(): Promise<void>
}

type Callback = (...results: unknown[]) => void

const require = createRequire(__filename)

/** Calls a function of the kind that takes a callback, with the results as they come. */
const called = <R extends unknown[]>(call: (callback: Callback) => void): Promise<R> =>
  new Promise((resolve) => {
    call((...results) => {
      resolve(results as R)
    })
  })

/** `node-zookeeper-client`, in JavaScript. */
export async function openPure(endpoint: string): Promise<OtherClient> {
  const { createClient, CreateMode } = require('node-zookeeper-client') as {
    CreateMode: Record<'PERSISTENT' | 'EPHEMERAL', number>
    createClient(endpoint: string, options: { readonly sessionTimeout: number }): Pure
  }
  const client = createClient(endpoint, { sessionTimeout: 30_000 })
  const result = async <T>(call: (callback: Callback) => void): Promise<T[]> => {
    const [error, ...values] = await called<[Error | null, ...T[]]>(call)
    if (error) throw error
    return values
  }
  const connected = new Promise<void>((resolve) => client.once('connected', resolve))
  client.connect()
  await connected
  return {
    name: 'pure',
    async create(path, data, ephemeral = false) {
      const mode = ephemeral ? CreateMode.EPHEMERAL : CreateMode.PERSISTENT
      await result((callback) => client.create(path, Buffer.from(data), mode, callback))
    },
    async set(path, data) {
      await result((callback) => client.setData(path, Buffer.from(data), -1, callback))
    },
    async get(path) {
      const [data, stat] = await result<unknown>((callback) => client.getData(path, callback))
      return { data: data as Uint8Array, version: (stat as { version: number }).version }
    },
    async children(path) {
      const [names] = await result<string[]>((callback) => client.getChildren(path, callback))
      return names ?? []
    },
    async delete(path) {
      await result((callback) => client.remove(path, -1, callback))
    },
    async changed(path) {
      await new Promise<void>((resolve) => {
        client.exists(
          path,
          () => resolve(),
          () => {},
        )
      })
    },
    async close() {
      const closed = new Promise<void>((resolve) => client.once('disconnected', resolve))
      client.close()
      await closed
    },
  }
}

interface Pure {
  once(event: string, listener: () => void): void
  connect(): void
  close(): void
  create(path: string, data: Buffer, mode: number, callback: Callback): void
  setData(path: string, data: Buffer, version: number, callback: Callback): void
  getData(path: string, callback: Callback): void
  getChildren(path: string, callback: Callback): void
  remove(path: string, version: number, callback: Callback): void
  exists(path: string, watcher: () => void, callback: Callback): void
}

/** `zookeeper`, which is Apache's C client; undefined where it could not be compiled. */
export async function openNative(endpoint: string): Promise<OtherClient | undefined> {
  let Native: new (config: object) => Native
  try {
    Native = require('zookeeper') as typeof Native
  } catch {
    return undefined
  }
  const client = new Native({ connect: endpoint, timeout: 30_000, debug_level: 0 })
  const connected = new Promise<void>((resolve) => client.once('connect', resolve))
  client.init({})
  await connected
  /** Callbacks get a code, a text, and what there is. */
  const result = async (call: (callback: Callback) => void): Promise<unknown[]> => {
    const [code, text, ...values] = await called<[number, string, ...unknown[]]>(call)
    if (code !== 0) throw new Error(text)
    return values
  }
  const EPHEMERAL = 1
  return {
    name: 'native',
    async create(path, data, ephemeral = false) {
      const flags = ephemeral ? EPHEMERAL : 0
      await result((callback) => client.a_create(path, Buffer.from(data), flags, callback))
    },
    async set(path, data) {
      await result((callback) => client.a_set(path, Buffer.from(data), -1, callback))
    },
    async get(path) {
      const [stat, data] = await result((callback) => client.a_get(path, false, callback))
      return { data: data as Uint8Array | null, version: (stat as { version: number }).version }
    },
    async children(path) {
      const [names] = await result((callback) => client.a_get_children(path, false, callback))
      return names as string[]
    },
    async delete(path) {
      await result((callback) => client.a_delete_(path, -1, callback))
    },
    async changed(path) {
      await new Promise<void>((resolve) => {
        client.aw_exists(
          path,
          () => resolve(),
          () => {},
        )
      })
    },
    async close() {
      client.close()
    },
  }
}

interface Native {
  once(event: string, listener: () => void): void
  init(config: object): void
  close(): void
  a_create(path: string, data: Buffer, flags: number, callback: Callback): void
  a_set(path: string, data: Buffer, version: number, callback: Callback): void
  a_get(path: string, watch: boolean, callback: Callback): void
  a_get_children(path: string, watch: boolean, callback: Callback): void
  a_delete_(path: string, version: number, callback: Callback): void
  aw_exists(path: string, watcher: () => void, callback: Callback): void
}
