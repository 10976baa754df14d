import { afterEach, describe, expect, it } from '@jest/globals'
import { once } from 'node:events'
import { createServer as createHttp } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { consul } from '@libkv/consul'
import type { Store } from '@libkv/core'
import { waitFor } from '@libkv/testing'
import { expectPlainMessage } from '@libkv/testing/backend-cases/plain-message'
import { freePorts } from '@libkv/testing/servers'
import { errorOfAnswer } from '../src/consul-errors.ts'

const token = 'the-secret-token'
const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** Starts a server on 127.0.0.1 that is closed after the test, with all of its connections. */
async function listening(server: Server): Promise<string> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  closing.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** The error of a call, as soon as it has another reason than that nothing has come yet. */
async function failureAt(
  addresses: readonly string[],
  call: (kv: Store) => Promise<unknown> = (kv) => kv.put('a', 'x'),
): Promise<Error> {
  return waitFor(
    async () => {
      await using kv = consul(addresses, { token, connectionTimeout: 300 })
      const error = await call(kv).catch((reason: unknown) => reason)
      return error instanceof Error && !error.message.includes('did not answer') && error
    },
    { what: 'an error with a reason' },
  )
}

describe('the message for an answer of a proxy', () => {
  const page = `<!DOCTYPE html>\n<html><body>Bad gateway. You sent: ${token}</body></html>`
  const answers: Record<string, readonly [status: number, body: string, message: RegExp]> = {
    'an HTML page': [
      502,
      page,
      /: the server answered with an HTML page \(status 502\): check that/,
    ],
    'an HTML page of access denied': [
      403,
      page,
      /the server answered with an HTML page \(status 403/,
    ],
    'a redirect': [
      301,
      `<a href="/login?token=${token}">Moved Permanently</a>.\n\n`,
      /: the server answered with an HTML page \(status 301\): check that the address is that of a/,
    ],
    'no body': [500, '', /: the server answered without a reason \(status 500\)$/],
    'bytes that are no text': [
      500,
      '\u001f\u0000\u0008 ' + token,
      /: the server answered with \d+ characters of data \(status 500\): check that/,
    ],
    'many lines': [
      418,
      'I am a teapot.\n'.repeat(1_000),
      /: the server answered: I am a teapot\. I am .* … \(status 418\)$/,
    ],
    'a plain text request to a TLS port, as Go has it': [
      400,
      'Client sent an HTTP request to an HTTPS server.\n',
      /: the server expects TLS: set tls, or use https:\/\/ addresses$/,
    ],
    'a plain text request to a TLS port, as nginx has it': [
      400,
      '<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>',
      /: the server expects TLS: set tls, or use https:\/\/ addresses$/,
    ],
  }
  const calls: Record<string, (kv: Store) => Promise<unknown>> = {
    get: (kv) => kv.get('a'),
    put: (kv) => kv.put('a', 'x'),
    session: (kv) => kv.session({ ttl: 30_000 }),
  }
  for (const [what, [status, body, message]] of Object.entries(answers)) {
    for (const [name, call] of Object.entries(calls)) {
      it(`is in plain words for ${what} to ${name}`, async () => {
        const proxy = createHttp((_, answer) => {
          answer.writeHead(status, { 'x-echo': token }).end(body)
        })
        const error = await failureAt([await listening(proxy)], call)
        expect(error.message).toMatch(message)
        expect(error.message.length).toBeLessThan(350)
        expectPlainMessage(error, [token])
      })
    }
  }

  it('has the text of a body that is JSON', () => {
    const error = errorOfAnswer(502, '{"error":"no route"}', {})
    expect(error.message).toBe('the server answered: {"error":"no route"} (status 502)')
  })

  it('quotes a refusal of Consul as it is', () => {
    expect(errorOfAnswer(403, 'Permission denied\n', {}).message).toBe('Permission denied')
  })

  it('is not empty where the refusal of an operation has no text', () => {
    for (const text of ['', undefined]) {
      const error = errorOfAnswer(409, text)
      expect(error.message).toBe('the server refused the operation without a reason')
    }
  })
})

describe('the message for a connection that fails', () => {
  it('names each server and its reason where there are several', async () => {
    const [refusing = 0] = await freePorts(1)
    const closes = await listening(
      createServer((socket) => socket.once('data', () => socket.destroy())),
    )
    await using kv = consul([`127.0.0.1:${refusing}`, closes], { connectionTimeout: 300 })
    await waitFor(
      async () => {
        const error = await kv.get('a').catch((reason: unknown) => reason as Error)
        expect(error).toMatchObject({
          message: expect.stringMatching(
            new RegExp(
              `: 127\\.0\\.0\\.1:${refusing}: the server refused the connection: .*; ` +
                `${closes}: the server closed the connection without an answer: if it expects TLS`,
            ),
          ),
        })
        expectPlainMessage(error)
        return true
      },
      { what: 'both reasons' },
    )
  })

  it('has no piece of what a server sends that does not speak HTTP', async () => {
    const server = createServer((socket) => {
      socket.once('data', (request) => socket.end(`220 ${request.toString()}\r\n`))
    })
    const error = await failureAt([await listening(server)])
    expect(error.message).toMatch(/: the server does not answer in HTTP: check the address, and/)
    expectPlainMessage(error, [token])
  })

  it('has a reason for an answer that is cut off', async () => {
    const server = createServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{'))
    })
    const error = await failureAt([await listening(server)])
    expect(error.message).toMatch(/: the server closed the connection without an answer: /)
    expectPlainMessage(error)
  })

  it('has a reason for a name that resolves to nothing', async () => {
    const error = await failureAt(['nowhere.invalid:8500'])
    expect(error.message).toMatch(/: the host name cannot be resolved: check the address \(E/)
    expectPlainMessage(error)
  })

  it('has a reason when nothing ever answers', async () => {
    const address = await listening(createServer())
    await using kv = consul([address], { connectionTimeout: 300 })
    const error = await kv.get('a').catch((reason: unknown) => reason as Error)
    expect(error).toMatchObject({
      code: 'NOT_REACHABLE',
      message: expect.stringMatching(/: the server did not answer/),
    })
    expectPlainMessage(error)
  })
})
