// The tour: `npm start`, or `npm start -- etcd://127.0.0.1:2379` on a server of yours.
import { isLibkvError, newStore, update, withLock } from '@libkv/core'
import type { Store } from '@libkv/core'
import { memoryDriver } from '@libkv/memory'
import { electing } from './election.ts'
import { heading, milliseconds, say, show } from './narrator.ts'

const url = process.argv[2] ?? 'memory://tour'

/** All that the tour touches is below this. */
const namespace = `libkv-tour-${String(process.pid)}`

const interruption = new AbortController()
const { signal } = interruption
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    interruption.abort()
  })
}

const kv = await orExit(newStore(url, undefined, { namespace, connectionTimeout: 5_000 }))
/** Other processes have no way to a store that is within this one but over its driver. */
const access = kv.backend === 'memory' ? memoryDriver(/^memory:\/\/([^/?]+)/.exec(url)?.[1]) : url

try {
  await orExit(kv.ready({ signal }))
  heading(`libkv on ${kv.backend}`)
  say('One interface, whatever store your operators run. This is the same program on each of them.')
  for (const chapter of [keysAndValues, compareAndSet, watching, locking, expiring]) {
    await chapter(kv)
    signal.throwIfAborted()
  }
  await electing(kv, access, namespace, signal)
  heading('Done')
  say('The namespace is removed, the store closed, and the process ends by itself.')
} catch (error) {
  if (!signal.aborted) throw error
  heading('Interrupted')
  say(
    'No process is left, and the namespace is removed. What was bound to a session goes with that.',
  )
  process.exitCode = 130
} finally {
  await kv.deleteTree('').catch(() => undefined)
  await kv.close()
}

/** Ends the process with one line where the URL or the server is at fault. */
async function orExit<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening
  } catch (error) {
    if (!isLibkvError(error) && !(error instanceof TypeError)) throw error
    console.error(`libkv: ${error.message}`)
    process.exit(1)
  }
}

async function keysAndValues(store: Store): Promise<void> {
  heading('Keys and values')
  say('A key is segments joined by slashes, a value is bytes. Text is stored as UTF-8.')
  await store.put('services/web/1', '10.0.0.1:80')
  await store.put('services/web/2', '10.0.0.2:80')
  await store.put('services/web-internal', 'not below services/web')
  const pair = await store.get('services/web/1')
  show("await kv.get('services/web/1')", pair?.text())
  show("await kv.get('services/none')", await store.get('services/none'))
  const pairs = await store.list('services/web')
  show("await kv.list('services/web')", pairs.map(({ key }) => key).join(', '))
  say('A list ends at the slash: services/web-internal is no part of services/web.')
}

async function compareAndSet(store: Store): Promise<void> {
  heading('Compare-and-set')
  const first = await store.atomicPut('config', 'version 1', null)
  show(
    "await kv.atomicPut('config', 'version 1', null)",
    `created at revision ${String(first.revision)}`,
  )
  await store.put('config', 'somebody else was here')
  const refusal = await store
    .atomicPut('config', 'version 2', first)
    .catch((error: unknown) => error)
  show("await kv.atomicPut('config', 'version 2', first)", (refusal as { code: string }).code)
  say('update() is the loop around it. Ten writers at once, and none gets lost:')
  const increment = (): Promise<unknown> =>
    update(store, 'counter', (pair) => String(Number(pair?.text() ?? 0) + 1))
  await Promise.all(Array.from({ length: 10 }, increment))
  show("await kv.get('counter')", (await store.get('counter'))?.text())
}

async function watching(store: Store): Promise<void> {
  heading('Watching')
  say('A watch yields the current state first, even of what does not exist, then each change.')
  const states = store.watch('feature')[Symbol.asyncIterator]()
  const next = async (): Promise<string> => (await states.next()).value?.text() ?? 'absent'
  show('state', await next())
  await store.put('feature', 'on')
  show("after put('feature', 'on')", await next())
  await store.delete('feature')
  show("after delete('feature')", await next())
  await states.return?.()
  say('It survives reconnects and restarts of the server; it ends when you break out of the loop.')
}

async function locking(store: Store): Promise<void> {
  heading('Locks')
  const tokens: bigint[] = []
  const work = (name: string): Promise<void> =>
    withLock(
      store,
      'jobs/nightly',
      async (_signal, token) => {
        tokens.push(token)
        const holder = (await store.get('jobs/nightly'))?.text() ?? 'nobody'
        show(`${name} holds the lock`, `fencing token ${String(token)}, others see '${holder}'`)
      },
      { value: name },
    )
  await Promise.all([work('worker A'), work('worker B')])
  show('tokens only ever grow', tokens.join(' < '))
  show('and afterwards', (await store.get('jobs/nightly')) ?? 'no trace of the lock')
}

async function expiring(store: Store): Promise<void> {
  heading('Time to live')
  const { ttl: bounds, expirySlack } = store.capabilities
  const ttl = Math.max(1_000, bounds.min)
  say(
    `This store takes ${String(bounds.min)} ms and more, and is late by ${String(expirySlack)} ms at the most.`,
  )
  await store.put('sessions/42', 'here', { ttl })
  const start = performance.now()
  for await (const pair of store.watch('sessions/42', { signal })) {
    show('sessions/42', pair?.text() ?? `gone after ${milliseconds(performance.now() - start)}`)
    if (pair === null) break
  }
}
