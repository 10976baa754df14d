import { expect, it } from '@jest/globals'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { consul } from '@libkv/consul'

it('the removal of a whole store is ambiguous when it fails after the first transaction', async () => {
  const names = Array.from({ length: 40 }, (_, i) => `key-${String(i)}`)
  const deleted: string[][] = []
  const server = createServer((request, response) => {
    void (async () => {
      const body = Buffer.concat(await request.toArray()).toString()
      if (request.method === 'GET') {
        response.end(JSON.stringify(names))
        return
      }
      const operations = JSON.parse(body) as { KV: { Verb: string; Key: string } }[]
      const keys = operations.filter(({ KV }) => KV.Verb === 'delete').map(({ KV }) => KV.Key)
      deleted.push(keys)
      if (deleted.length === 2) {
        response.statusCode = 403
        response.end('Permission denied')
        return
      }
      const results = keys.map((Key) => ({ KV: { Key, CreateIndex: 1, ModifyIndex: 2 } }))
      response.end(JSON.stringify({ Results: results, Errors: null }))
    })()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await using kv = consul([`127.0.0.1:${String((server.address() as AddressInfo).port)}`])
    await expect(kv.deleteTree('')).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
      ambiguous: true,
    })
    expect(deleted.flat()).toEqual(names)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})
