import { once } from 'node:events'
import { createServer as createHttp, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'

import { describe, expect, it } from '@jest/globals'

import { waitFor } from '@libkv/testing'
import { RequestCounter, startServers } from '@libkv/testing/servers'
import type { FaultProxy } from '@libkv/testing/servers'

/** One gRPC message: the prefix and strings as the fields 1, 2, …. */
function message(...fields: readonly string[]): Buffer {
  const body = Buffer.concat(
    fields.map((field, i) =>
      Buffer.concat([Buffer.from([(i + 1) * 8 + 2, field.length]), Buffer.from(field)]),
    ),
  )
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(body.length, 1)
  return Buffer.concat([prefix, body])
}

const grpc = { 'content-type': 'application/grpc', te: 'trailers' }

/** A gRPC call over a session. Resolves to its status, or to how it was cut off. */
function call(session: ClientHttp2Session, path: string, body: Buffer): Promise<string> {
  const stream = session.request({ ':method': 'POST', ':path': path, ...grpc })
  stream.end(body)
  return new Promise((resolve) => {
    let status: unknown
    const look = (headers: Record<string, unknown>): unknown => (status ??= headers['grpc-status'])
    stream
      .on('response', look)
      .on('trailers', look)
      .on('error', () => {})
      .resume()
    stream.on('close', () =>
      resolve(status === undefined ? 'cut off' : `status ${status as string}`),
    )
  })
}

describe('a request counter', () => {
  const put = '/etcdserverpb.KV/Put'

  it('counts gRPC requests by path, and the messages of streams', async () => {
    await using servers = await startServers('etcd')
    await using counter = await RequestCounter.to(servers.endpoints[0] as string)
    const session = connectHttp2(counter.endpoint)
    expect(await call(session, put, message('a', '1'))).toBe('status 0')
    expect(await call(session, put, message('b', '2'))).toBe('status 0')
    // An error is headers only.
    expect(await call(session, put, message(''))).toBe('status 3')
    expect(await call(session, '/etcdserverpb.KV/None', message())).toBe('status 12')

    const watch = session.request({
      ':method': 'POST',
      ':path': '/etcdserverpb.Watch/Watch',
      ...grpc,
    })
    const create = Buffer.concat([Buffer.from([0, 0, 0, 0, 5, 10, 3, 10, 1]), Buffer.from('a')])
    let events = ''
    watch.on('data', (chunk: Buffer) => (events += chunk.toString('latin1')))
    watch.write(Buffer.concat([create, create.subarray(0, 3)]))
    watch.write(create.subarray(3))
    await waitFor(() => counter.count('/etcdserverpb.Watch/Watch#message') === 2, {
      what: 'two messages',
    })
    await waitFor(() => events !== '', { what: 'the watch' })
    await call(session, put, message('a', 'seen'))
    await waitFor(() => events.includes('seen'), { what: 'the event' })
    watch.close()

    expect(Object.fromEntries(counter.counts)).toEqual({
      [put]: 4,
      '/etcdserverpb.KV/None': 1,
      '/etcdserverpb.Watch/Watch': 1,
      '/etcdserverpb.Watch/Watch#message': 2,
    })
    expect(counter.total).toBe(6)
    counter.reset()
    expect([counter.total, counter.count(put)]).toEqual([0, 0])

    counter.loseNextAnswer(put)
    const lost = connectHttp2(counter.endpoint)
    lost.on('error', () => {})
    expect(await call(lost, put, message('lost', 'applied'))).toBe('cut off')
    const range = session.request({ ':method': 'POST', ':path': '/etcdserverpb.KV/Range', ...grpc })
    range.end(message('lost'))
    let text = ''
    for await (const chunk of range) text += String(chunk)
    expect(text).toContain('applied')
    session.close()
  })

  it('is not needed to lose the answers of gRPC: a fault proxy does so on open and on new connections', async () => {
    await using servers = await startServers('etcd')
    const [proxy] = (await servers.proxy()) as [FaultProxy]
    const session = connectHttp2(proxy.endpoint)
    session.on('error', () => {})
    expect(await call(session, put, message('k', '1'))).toBe('status 0')
    proxy.loseAnswers()
    expect(await call(session, put, message('k', '2'))).toBe('cut off')
    const fresh = connectHttp2(proxy.endpoint)
    fresh.on('error', () => {})
    expect(await call(fresh, put, message('k', '3'))).toBe('cut off')
    proxy.pass()
    const direct = connectHttp2(servers.endpoints[0] as string)
    const range = direct.request({ ':method': 'POST', ':path': '/etcdserverpb.KV/Range', ...grpc })
    range.end(message('k'))
    let text = ''
    for await (const chunk of range) text += String(chunk)
    expect(text).toContain('3')
    direct.close()
  })

  it('counts HTTP/1 requests by method and path', async () => {
    const server = createHttp((incoming, outgoing) => {
      incoming
        .on('end', () => outgoing.setHeader('x-seen', incoming.url ?? '').end('answer'))
        .resume()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    await using counter = await RequestCounter.to(
      `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    )
    for (const [method, path] of [
      ['PUT', '/v1/kv/a?cas=0'],
      ['PUT', '/v1/kv/a'],
      ['GET', '/v1/kv/a'],
    ] as const) {
      const sent = request(`${counter.endpoint}${path}`, { method }).end(
        method === 'PUT' ? 'body' : undefined,
      )
      const [answer] = (await once(sent, 'response')) as [IncomingMessage]
      expect([method, answer.statusCode, answer.headers['x-seen']]).toEqual([method, 200, path])
      answer.resume()
      await once(answer, 'end')
    }
    expect(Object.fromEntries(counter.counts)).toEqual({ 'PUT /v1/kv/a': 2, 'GET /v1/kv/a': 1 })
    expect(counter.total).toBe(3)

    counter.loseNextAnswer('GET /v1/kv/lost')
    const ask = async (path: string): Promise<number | undefined> => {
      const [answer] = (await once(request(`${counter.endpoint}${path}`).end(), 'response')) as [
        IncomingMessage,
      ]
      answer.resume()
      return answer.statusCode
    }
    expect(await ask('/v1/kv/other')).toBe(200)
    await expect(ask('/v1/kv/lost')).rejects.toThrow('socket hang up')
    expect(await ask('/v1/kv/lost')).toBe(200)
    expect(counter.count('GET /v1/kv/lost')).toBe(2)
    server.close()
  })
})
