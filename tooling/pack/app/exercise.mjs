// The calls that a bundled application makes. Core is an argument, because it comes as an ES module or as CommonJS.
import assert from 'node:assert/strict'

export async function exercise(core, name, factory, addresses) {
  core.registerBackend(name, factory)
  const byName = await core.newStore(name, addresses)
  const kv = await core.newStore(factory, addresses)
  const dir = `bundle-${crypto.randomUUID()}`
  const key = `${dir}/a`

  const states = byName.watch(key)[Symbol.asyncIterator]()
  assert.equal((await states.next()).value, null)
  const pair = await kv.put(key, '1')
  assert.equal((await states.next()).value.text(), '1')
  await states.return()

  assert.equal((await byName.get(key)).text(), '1')
  await kv.transaction([core.check(key, pair), core.put(`${dir}/b`, '2')])
  const pairs = await byName.list(dir)
  assert.deepEqual(
    pairs.map((each) => [each.key, each.text()]),
    [
      [key, '1'],
      [`${dir}/b`, '2'],
    ],
  )

  const token = await core.withLock(kv, `${dir}/lock`, async (signal, fence) => {
    assert.equal(signal.aborted, false)
    return fence
  })
  assert.ok(token > 0n)
  await assert.rejects(core.newStore('no-such-backend'), (error) =>
    core.isLibkvError(error, 'BACKEND_UNKNOWN'),
  )

  await kv.deleteTree(dir)
  await kv.close()
  await byName.close()
  console.log('exercised')
}
