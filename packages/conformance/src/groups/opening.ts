import assert from 'node:assert/strict'
import { newStore, registerBackend } from '@libkv/core'
import type { BackendFactory } from '@libkv/core'
import { textOf } from '../bytes.ts'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { misuse, refusal } from '../refusal.ts'

export const openingCases: CaseGroup = group('opening a store', ({ it, target }) => {
  // `open` may give a promise of a store, which newStore() waits for as well.
  const factory = ((_addresses, options) => target.open(options)) as BackendFactory
  const backend = `conformance-${crypto.randomUUID()}`

  it('says what the backend is called', async ({ kv }) => {
    assert.match(kv.backend, /^[a-z][a-z0-9-]*$/)
  })

  it('has the capabilities that the target describes', async ({ kv }) => {
    assert.equal(JSON.stringify(kv.capabilities), JSON.stringify(target.capabilities))
  })

  it('has capabilities that make sense', async ({ kv }) => {
    const { transactions, sessionKeysMayHaveDescendants, ttl, ...expiry } = kv.capabilities
    assert.equal(typeof transactions, 'boolean')
    assert.equal(typeof sessionKeysMayHaveDescendants, 'boolean')
    assert.ok(ttl.min > 0 && ttl.min < ttl.max)
    assert.ok(expiry.expiryFactor >= 1)
    assert.ok(expiry.expirySlack >= 0)
  })

  it('is ready when the store answers', async ({ kv }) => {
    await kv.ready()
    await kv.ready({ timeout: 4_000 })
  })

  it('needs no ready() before the first call', async ({ open, key }) => {
    const store = await open()
    await store.put(key(), 'v')
    assert.equal(textOf(await store.get(key())), 'v')
  })

  it('lets stores on the same data see each other', async ({ kv, open, key }) => {
    const other = await open()
    assert.notEqual(other, kv)
    await kv.put(key(), 'v')
    assert.equal(textOf(await other.get(key())), 'v')
  })

  it('is done by newStore() with a factory', async ({ kv, key }) => {
    await using store = await newStore(factory)
    await store.put(key(), 'v')
    assert.equal(textOf(await kv.get(key())), 'v')
  })

  it('hands the options of newStore() on to the factory', async ({ kv, key, dir }) => {
    await using store = await newStore(factory, undefined, { namespace: dir })
    await store.put('key', 'v')
    assert.equal(textOf(await kv.get(key())), 'v')
  })

  it('is done by newStore() with a registered name', async ({ kv, key }) => {
    registerBackend(backend, factory)
    await using store = await newStore(backend)
    await store.put(key(), 'v')
    assert.equal(textOf(await kv.get(key())), 'v')
  })

  it('is done by newStore() with a URL, whose path is the namespace', async ({ kv, key, dir }) => {
    registerBackend(backend, factory)
    await using store = await newStore(`${backend}://localhost/${dir}`)
    await store.put('key', 'v')
    assert.equal(textOf(await kv.get(key())), 'v')
  })

  it('does not register a name for two factories', async () => {
    registerBackend(backend, factory)
    await misuse(() => {
      registerBackend(backend, () => target.open() as never)
    })
    await misuse(() => {
      registerBackend('', factory)
    })
  })

  it('says what is there when the name is unknown', async () => {
    registerBackend(backend, factory)
    const error = await refusal(newStore('no-such-backend'), 'BACKEND_UNKNOWN')
    assert.match(error.message, /no-such-backend/)
    assert.ok(error.message.includes(backend))
  })

  it('does not show the password of a URL that it cannot read', async () => {
    registerBackend(backend, factory)
    const error = await refusal(newStore(`${backend}://me:s3cret%@localhost`), 'INVALID_OPTION')
    assert.ok(!error.message.includes('s3cret'))
    assert.ok(!JSON.stringify(error).includes('s3cret'))
  })

  it('takes a URL that is none for an invalid option', async () => {
    await refusal(newStore('://'), 'INVALID_OPTION')
  })
})
