import { createRequire } from 'node:module'

/** What a client for ZooKeeper is asked for in a comparison. */
export interface Peer {
  readonly name: string
  get(path: string): Promise<unknown>
  /** A read that is not stale; undefined where the client cannot. */
  readonly syncAndGet: ((path: string) => Promise<unknown>) | undefined
  set(path: string, value: Buffer): Promise<unknown>
  create(path: string, value: Buffer): Promise<unknown>
  /** A transaction that creates a node and writes to another; undefined if the client has no transactions. */
  readonly createAndSet:
    ((path: string, value: Buffer, other: string) => Promise<unknown>) | undefined
  children(path: string): Promise<readonly string[]>
  /** Resolves when the watch is set; `changed` resolves with the first change after that. */
  watch(path: string): Promise<{ readonly changed: Promise<unknown> }>
  close(): Promise<void>
}

type Callback = (...results: unknown[]) => void

const require = createRequire(import.meta.url)

/** npm `zookeeper`, Apache's C client, by its callbacks, which are quicker than its promises. */
export async function openNative(endpoint: string): Promise<Peer> {
  const Native = require('zookeeper') as new (config: object) => Native
  const config = { connect: endpoint, timeout: 30_000, debug_level: 0 }
  // Its default closes the session on a reply of more than 16 KB.
  const client = new Native({ ...config, response_counter_limit: 0x7fffffff })
  const connected = new Promise<void>((resolve) => {
    client.once('connect', resolve)
  })
  client.init({})
  await connected
  const ask = (call: (callback: Callback) => void, at = 2): Promise<unknown> =>
    new Promise((resolve, reject) => {
      call((...results) => {
        if (results[0] === 0) resolve(results[at])
        else reject(new Error(String(results[1])))
      })
    })
  const get = (path: string): Promise<unknown> =>
    ask((callback) => {
      client.a_get(path, false, callback)
    }, 3)
  return {
    name: 'zookeeper',
    get,
    syncAndGet: (path) => {
      client.a_sync(path, () => undefined)
      return get(path)
    },
    set: (path, value) =>
      ask((callback) => {
        client.a_set(path, value, -1, callback)
      }),
    create: (path, value) =>
      ask((callback) => {
        client.a_create(path, value, 0, callback)
      }),
    createAndSet: undefined,
    children: async (path) =>
      (await ask((callback) => {
        client.a_get_children(path, false, callback)
      })) as string[],
    watch: async (path) => {
      let onChange: Callback = () => undefined
      const changed = new Promise((resolve) => {
        onChange = resolve
      })
      await ask((callback) => {
        client.aw_get(path, onChange, callback)
      })
      return { changed }
    },
    close: () => {
      client.close()
      return Promise.resolve()
    },
  }
}

/** npm `node-zookeeper-client`, in JavaScript. */
export async function openPure(endpoint: string): Promise<Peer> {
  const { createClient } = require('node-zookeeper-client') as {
    createClient(endpoint: string): Pure
  }
  const client = createClient(endpoint)
  const connected = new Promise<void>((resolve) => {
    client.once('connected', resolve)
  })
  client.connect()
  await connected
  const ask = (call: (callback: Callback) => void): Promise<unknown> =>
    new Promise((resolve, reject) => {
      call((error, value) => {
        if (error) reject(new Error('the request failed', { cause: error }))
        else resolve(value)
      })
    })
  return {
    name: 'node-zookeeper-client',
    get: (path) =>
      ask((callback) => {
        client.getData(path, callback)
      }),
    syncAndGet: undefined,
    set: (path, value) =>
      ask((callback) => {
        client.setData(path, value, -1, callback)
      }),
    create: (path, value) =>
      ask((callback) => {
        client.create(path, value, 0, callback)
      }),
    createAndSet: (path, value, other) =>
      ask((callback) => {
        client
          .transaction()
          .create(path, value, 0)
          .setData(other, Buffer.alloc(0), -1)
          .commit(callback)
      }),
    children: async (path) =>
      (await ask((callback) => {
        client.getChildren(path, callback)
      })) as string[],
    watch: async (path) => {
      let onChange: Callback = () => undefined
      const changed = new Promise((resolve) => {
        onChange = resolve
      })
      await ask((callback) => {
        client.getData(path, onChange, callback)
      })
      return { changed }
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => {
        client.once('disconnected', resolve)
      })
      client.close()
      await closed
    },
  }
}

interface Native {
  once(event: string, listener: () => void): void
  init(config: object): void
  close(): void
  a_sync(path: string, callback: Callback): void
  a_create(path: string, data: Buffer, flags: number, callback: Callback): void
  a_set(path: string, data: Buffer, version: number, callback: Callback): void
  a_get(path: string, watch: boolean, callback: Callback): void
  a_get_children(path: string, watch: boolean, callback: Callback): void
  aw_get(path: string, watcher: Callback, callback: Callback): void
}

interface Pure {
  once(event: string, listener: () => void): void
  connect(): void
  close(): void
  create(path: string, data: Buffer, mode: number, callback: Callback): void
  transaction(): PureTransaction
  setData(path: string, data: Buffer, version: number, callback: Callback): void
  getData(path: string, watcherOrCallback: Callback, callback?: Callback): void
  getChildren(path: string, callback: Callback): void
}

interface PureTransaction {
  create(path: string, data: Buffer, mode: number): PureTransaction
  setData(path: string, data: Buffer, version: number): PureTransaction
  commit(callback: Callback): void
}
