// What an application says to the published types, compiled with old and new TypeScript.
import { check, isLibkvError, newStore, put, update, withLock } from '@libkv/core'
import type { KVPair, Store, StoreOptions, TreeSnapshot } from '@libkv/core'
import { etcd } from '@libkv/etcd'
import type { EtcdOptions } from '@libkv/etcd'

const common: StoreOptions = { namespace: 'app', connectionTimeout: 1_000 }
const options: EtcdOptions = { ...common, username: 'app', password: 'secret', tls: { ca: 'PEM' } }

export async function main(): Promise<void> {
  await using kv: Store = etcd(['https://127.0.0.1:2379'], options)
  const byName: Store = await newStore('etcd', ['127.0.0.1:2379'], { namespace: 'other' })
  const byFactory: Store = await newStore(etcd, [], options)

  const pair: KVPair | null = await kv.get('a', { signal: AbortSignal.timeout(10) })
  const value: Uint8Array | undefined = pair?.value
  if (pair !== null) {
    await kv.transaction([check('a', pair), put('b', value ?? 'x', { ttl: 5_000 })])
  }
  for await (const snapshot of kv.watchTree('')) show(snapshot)
  const token: bigint = await withLock(kv, 'lock', async (signal, fence) =>
    signal.aborted ? 0n : fence,
  )
  await update(byName, 'counter', (before) => String(BigInt(before?.text() ?? 0) + token))
  try {
    await byFactory.ready()
  } catch (error) {
    if (isLibkvError(error, 'ACCESS_DENIED')) show(error.code)
  }

  // @ts-expect-error -- a key is a string
  await kv.get(1)
  // @ts-expect-error -- there is no such code
  isLibkvError(new Error('x'), 'NO_SUCH_CODE')
  // @ts-expect-error -- etcd has no such option
  await newStore(etcd, [], { datacenter: 'dc1' })
}

function show(what: TreeSnapshot | 'ACCESS_DENIED'): void {
  console.log(what)
}
