import { check, put, remove } from '@libkv/core'
import type { CallOptions, Store, Version } from '@libkv/core'
import { withoutTransactions } from './group.ts'
import type { SkipRule } from './group.ts'

/** One way to call a store, for cases that hold for all of them. */
export interface StoreCall {
  readonly name: string
  readonly takes: 'key' | 'directory' | 'nothing'
  readonly run: (store: Store, key: string, options?: CallOptions) => Promise<unknown>
  readonly skip?: SkipRule
}

/** A version that no store holds. */
const nowhere = (key: string): Version => ({ key, revision: 1n, createRevision: 1n })

const onKeys: readonly StoreCall[] = [
  { name: 'get', takes: 'key', run: (store, key, options) => store.get(key, options) },
  { name: 'exists', takes: 'key', run: (store, key, options) => store.exists(key, options) },
  { name: 'put', takes: 'key', run: (store, key, options) => store.put(key, 'value', options) },
  { name: 'delete', takes: 'key', run: (store, key, options) => store.delete(key, options) },
  {
    name: 'atomicPut',
    takes: 'key',
    run: (store, key, options) => store.atomicPut(key, 'value', null, options),
  },
  {
    name: 'atomicDelete',
    takes: 'key',
    run: (store, key, options) => store.atomicDelete(key, nowhere(key), options),
  },
  {
    name: 'transaction with check()',
    takes: 'key',
    skip: withoutTransactions,
    run: (store, key, options) => store.transaction([check(key, null)], options),
  },
  {
    name: 'transaction with put()',
    takes: 'key',
    skip: withoutTransactions,
    run: (store, key, options) => store.transaction([put(key, 'value')], options),
  },
  {
    name: 'transaction with remove()',
    takes: 'key',
    skip: withoutTransactions,
    run: (store, key, options) => store.transaction([remove(key)], options),
  },
  {
    name: 'watch',
    takes: 'key',
    run: async (store, key, options) => first(store.watch(key, options)),
  },
  {
    name: 'newLock().lock',
    takes: 'key',
    run: async (store, key, options) => store.newLock(key).lock(options),
  },
  {
    name: 'newLock().tryLock',
    takes: 'key',
    run: async (store, key, options) => store.newLock(key).tryLock(options),
  },
]

const onDirectories: readonly StoreCall[] = [
  { name: 'list', takes: 'directory', run: (store, key, options) => store.list(key, options) },
  { name: 'keys', takes: 'directory', run: (store, key, options) => store.keys(key, options) },
  {
    name: 'deleteTree',
    takes: 'directory',
    run: (store, key, options) => store.deleteTree(key, options),
  },
  {
    name: 'watchTree',
    takes: 'directory',
    run: async (store, key, options) => first(store.watchTree(key, options)),
  },
]

const others: readonly StoreCall[] = [
  { name: 'session', takes: 'nothing', run: (store, _key, options) => store.session(options) },
  { name: 'ready', takes: 'nothing', run: (store, _key, options) => store.ready(options) },
]

/** Every call that takes a key or a directory. */
export const keyedCalls: readonly StoreCall[] = [...onKeys, ...onDirectories]

/** Every call. */
export const storeCalls: readonly StoreCall[] = [...keyedCalls, ...others]

async function first<T>(states: AsyncIterable<T>): Promise<T | undefined> {
  for await (const state of states) return state
  return undefined
}
