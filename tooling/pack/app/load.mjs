// An application with core and etcd installed, as an ES module.
import assert from 'node:assert/strict'
import { isLibkvError, LibkvError, newStore } from '@libkv/core'
import { etcd } from '@libkv/etcd'

const ways = {
  'by name': await newStore('etcd', ['127.0.0.1:1']),
  'by URL': await newStore('etcd://127.0.0.1:1/app'),
  'by factory': await newStore(etcd, ['127.0.0.1:1']),
  'by function': etcd(['127.0.0.1:1']),
}
for (const [way, kv] of Object.entries(ways)) {
  assert.equal(kv.backend, 'etcd', way)
  // Whichever copy of core the store came with, its errors are this one's.
  const refusal = await kv.put('', 'x').catch((error) => error)
  assert.ok(refusal instanceof LibkvError, way)
  assert.ok(isLibkvError(refusal, 'INVALID_KEY'), way)
  await kv.close()
}
await assert.rejects(newStore('memory'), (error) => {
  assert.ok(isLibkvError(error, 'BACKEND_UNKNOWN'))
  assert.match(
    error.message,
    /is not installed \(installed: etcd\); looked from .*: run 'npm install @libkv\/memory'/,
  )
  return true
})
console.log('loaded')
