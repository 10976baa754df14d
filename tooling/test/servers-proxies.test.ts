import { once } from 'node:events'
import { createConnection, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

import { describe, expect, it } from '@jest/globals'

import { waitFor } from '@libkv/testing'
import { answersTo } from '@libkv/testing/servers/answers'
import { FaultProxy } from '@libkv/testing/servers'

/** A server that answers every chunk with itself, and a proxy to it. */
async function echo(): Promise<{ proxy: FaultProxy; heard: () => string } & AsyncDisposable> {
  let heard = ''
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('data', (chunk) => {
      heard += chunk.toString()
      socket.write(chunk)
    })
    socket.on('error', () => {})
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const proxy = await FaultProxy.to(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  return {
    proxy,
    heard: () => heard,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]()
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

/** A client of a proxy: what it received, in which pieces, and how its connection ended. */
async function dial(proxy: FaultProxy): Promise<{
  send(text: string): void
  received(): string
  pieces: string[]
  end(): string | undefined
  ended: Promise<string>
}> {
  const socket = createConnection(Number(new URL(proxy.endpoint).port), '127.0.0.1')
  const pieces: string[] = []
  let end: string | undefined
  socket.on('data', (chunk) => pieces.push(chunk.toString()))
  socket.on('error', (error: NodeJS.ErrnoException) => (end = error.code))
  const ended = new Promise<string>((resolve) =>
    socket.on('close', () => resolve((end ??= 'closed'))),
  )
  await Promise.race([new Promise<void>((resolve) => socket.once('connect', resolve)), ended])
  return {
    send: (text) => socket.write(text),
    received: () => pieces.join(''),
    pieces,
    end: () => end,
    ended,
  }
}

describe('a fault proxy', () => {
  it('passes bytes both ways and counts them', async () => {
    await using server = await echo()
    const client = await dial(server.proxy)
    client.send('hello')
    await waitFor(() => client.received() === 'hello', { what: 'the echo' })
    expect(server.proxy.stats).toMatchObject({ accepted: 1, open: 1, bytesUp: 5, bytesDown: 5 })
    expect(server.proxy.endpoint).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  })

  it('cuts what is open and accepts anew', async () => {
    await using server = await echo()
    const first = await dial(server.proxy)
    first.send('a')
    await waitFor(() => first.received() === 'a', { what: 'the echo' })
    server.proxy.cut()
    expect(await first.ended).toBe('ECONNRESET')
    const second = await dial(server.proxy)
    second.send('b')
    await waitFor(() => second.received() === 'b', { what: 'the echo' })
    expect(server.proxy.stats).toMatchObject({ accepted: 2, open: 1 })
  })

  it('holds every byte in a black hole, of new connections too, and lets them go afterwards', async () => {
    await using server = await echo()
    const before = await dial(server.proxy)
    before.send('1')
    await waitFor(() => before.received() === '1', { what: 'the echo' })
    server.proxy.blackhole()
    const during = await dial(server.proxy)
    before.send('2')
    during.send('3')
    // What would have passed by now: a round trip through the server beside the proxy.
    const beside = createConnection(Number(new URL(server.proxy.endpoint).port), '127.0.0.1')
    await once(beside, 'connect')
    beside.destroy()
    expect(server.heard()).toBe('1')
    server.proxy.pass()
    await waitFor(() => before.received() === '12' && during.received() === '3', {
      what: 'what was held',
    })
  })

  it('rejects, refuses, and comes back on the same port', async () => {
    await using server = await echo()
    const { endpoint } = server.proxy
    const open = await dial(server.proxy)
    server.proxy.reject()
    expect(await open.ended).toBe('ECONNRESET')
    expect(await (await dial(server.proxy)).ended).toBe('ECONNRESET')
    await server.proxy.down()
    expect(await (await dial(server.proxy)).ended).toBe('ECONNREFUSED')
    await server.proxy.up()
    server.proxy.pass()
    expect(server.proxy.endpoint).toBe(endpoint)
    const client = await dial(server.proxy)
    client.send('back')
    await waitFor(() => client.received() === 'back', { what: 'the echo' })
  })

  it('delays bytes and cuts them into slices without changing their order', async () => {
    await using server = await echo()
    const client = await dial(server.proxy)
    server.proxy.delayMs = 40
    const start = performance.now()
    client.send('late')
    await waitFor(() => client.received() === 'late', { what: 'the echo', every: 1 })
    expect(performance.now() - start).toBeGreaterThanOrEqual(78)
    server.proxy.delayMs = 0
    server.proxy.slice = 7
    const text = Array.from({ length: 300 }, (_, i) => String(i)).join(',')
    client.send(text)
    await waitFor(() => client.received() === `late${text}`, { what: 'the echo' })
    expect(client.pieces.length).toBeGreaterThan(10)
  })

  it('ends a connection when its server does, after the last byte', async () => {
    const server = createServer((socket) => socket.end('goodbye')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    await using proxy = await FaultProxy.to(`127.0.0.1:${(server.address() as AddressInfo).port}`)
    proxy.delayMs = 10
    const socket = createConnection(Number(proxy.endpoint.split(':')[1]), '127.0.0.1')
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    expect(text).toBe('goodbye')
    await waitFor(() => proxy.stats.open === 0, { what: 'the connection to end' })
    server.close()
  })

  it('loses answers but not requests', async () => {
    await using server = await echo()
    const client = await dial(server.proxy)
    server.proxy.loseAnswers()
    client.send('applied')
    expect(await client.ended).toBe('ECONNRESET')
    expect(server.heard()).toBe('applied')
    expect(client.received()).toBe('')
    server.proxy.pass()
    server.proxy.onUpstreamData = (chunk) => (chunk.includes('bad') ? 'lose' : 'forward')
    const picky = await dial(server.proxy)
    picky.send('good')
    await waitFor(() => picky.received() === 'good', { what: 'the echo' })
    picky.send('bad')
    expect(await picky.ended).toBe('ECONNRESET')
    server.proxy.onUpstreamData = () => 'pas'.length
    const short = await dial(server.proxy)
    short.send('passed')
    await short.ended
    expect(short.received()).toBe('pas')
  })

  it.each([1, 3, 1000])('tells answers from the rest of a protocol, %s bytes at a time', (size) => {
    const frame = (type: number, length: number): Buffer => {
      const header = Buffer.alloc(9 + length)
      header.writeUIntBE(length, 0, 3)
      header.writeUInt8(type, 3)
      return header
    }
    const reply = (xid: number): Buffer => {
      const bytes = Buffer.alloc(4 + 16)
      bytes.writeInt32BE(16)
      bytes.writeInt32BE(xid, 4)
      return bytes
    }
    const answers = (first: string, endpoint: string, bytes: Buffer): number => {
      const isAnswer = answersTo(endpoint, Buffer.from(first))
      let count = 0
      for (let at = 0; at < bytes.length; at += size)
        if (isAnswer(bytes.subarray(at, at + size))) count++
      return Math.min(count, 1)
    }
    const settings = frame(4, 18)
    const ping = frame(6, 8)
    expect(answers('PRI * HTTP/2.0', 'http://x:1', Buffer.concat([settings, ping, settings]))).toBe(
      0,
    )
    expect(
      answers('PRI * HTTP/2.0', 'http://x:1', Buffer.concat([settings, frame(1, 5), ping])),
    ).toBe(1)
    expect(answers('PUT /', 'http://x:1', Buffer.from('HTTP/1.1 200'))).toBe(1)
    expect(answers('\0\0', 'x:1', Buffer.concat([reply(0), reply(-2), reply(-1)]))).toBe(0)
    expect(answers('\0\0', 'x:1', Buffer.concat([reply(0), reply(-2), reply(7)]))).toBe(1)
  })
})
