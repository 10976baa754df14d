// The same application as a CommonJS module.
const assert = require('node:assert/strict')
const { isLibkvError, LibkvError, newStore } = require('@libkv/core')
const { etcd } = require('@libkv/etcd')

async function main() {
  const ways = {
    'by name': await newStore('etcd', ['127.0.0.1:1']),
    'by URL': await newStore('etcd://127.0.0.1:1/app'),
    'by factory': await newStore(etcd, ['127.0.0.1:1']),
    'by function': etcd(['127.0.0.1:1']),
  }
  for (const [way, kv] of Object.entries(ways)) {
    assert.equal(kv.backend, 'etcd', way)
    const refusal = await kv.put('', 'x').catch((error) => error)
    assert.ok(refusal instanceof LibkvError, way)
    assert.ok(isLibkvError(refusal, 'INVALID_KEY'), way)
    await kv.close()
  }
  await assert.rejects(newStore('memory'), (error) => isLibkvError(error, 'BACKEND_UNKNOWN'))
  console.log('loaded')
}

void main()
