// An application to be bundled: it hands factories over, for nothing can be loaded by name from a bundle.
import assert from 'node:assert/strict'
import { isLibkvError, newStore, registerBackend } from '@libkv/core'
import { etcd } from '@libkv/etcd'
import { memory } from '@libkv/memory'

async function main() {
  registerBackend('memory', memory)
  const embedded = await newStore('memory://orders')
  await embedded.put('orders/1', 'tea')
  assert.equal((await embedded.get('orders/1'))?.text(), 'tea')
  await embedded.close()

  const remote = await newStore(etcd, ['127.0.0.1:1'], { connectionTimeout: 300 })
  await assert.rejects(remote.get('orders/1'), (error) => isLibkvError(error, 'NOT_REACHABLE'))
  await remote.close()
  console.log('loaded')
}

void main()
