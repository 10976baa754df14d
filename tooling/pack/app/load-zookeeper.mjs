// What an application does with ZooKeeper, by name and by import. Nothing is sent before the first call.
import assert from 'node:assert/strict'
import { isLibkvError, newStore } from '@libkv/core'
import { zookeeper } from '@libkv/zookeeper'

const stores = [
  await newStore('zookeeper', ['127.0.0.1:1']),
  await newStore('zk', ['127.0.0.1:1']),
  await newStore('zookeeper://127.0.0.1:1/app'),
  zookeeper(['127.0.0.1:1']),
]
for (const kv of stores) {
  assert.equal(kv.backend, 'zookeeper')
  const error = await kv.ready({ timeout: 200 }).catch((reason) => reason)
  assert.ok(isLibkvError(error), String(error))
  await kv.close()
}
console.log('loaded')
