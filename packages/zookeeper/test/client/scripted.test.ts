import { describe, expect, it } from '@jest/globals'
import { waitFor } from '@libkv/testing'
import { clientOf, failureOf, recorder, run, statesOf, within } from './support.ts'
import { frameOf, reply, ScriptedServer } from './scripted-server.ts'

// What real servers do rarely, or would never.
const GET_DATA = 4
const GET_CHILDREN = 12
const MULTI_READ = 22
const AUTH = 100
const NO_NODE = -101
const SET_WATCHES = [101, 105]

describe('a server that only reads', () => {
  it('is left for another', async () => {
    await using reader = await ScriptedServer.start({ grant: () => ({ readOnly: true, id: 1n }) })
    await using writer = await ScriptedServer.start({ grant: () => ({ id: 2n }) })
    for (let i = 0; i < 4; i++) {
      await using client = clientOf([reader.endpoint, writer.endpoint])
      await client.connect()
      expect(client.sessionId).toBe(2n)
    }
  })
})

describe('a server that refuses an identity', () => {
  it('ends the client, and nothing was sent but that', async () => {
    await using server = await ScriptedServer.start({
      answer: ({ xid, opcode }) => reply(xid, opcode === AUTH ? -115 : 0),
    })
    await using client = clientOf([server.endpoint], { auth: [{ scheme: 'x', auth: 'secret' }] })
    const states = statesOf(client)
    const error = await failureOf(client.delete('/a'))
    expect(error).toMatchObject({ code: 'AUTH_FAILED', mayHaveHappened: false })
    expect(error.message).not.toContain('secret')
    expect(client.state).toBe('authFailed')
    expect(states.map(({ type }) => type)).toEqual(['authFailed'])
    expect(await failureOf(client.get('/a'))).toMatchObject({ code: 'AUTH_FAILED' })
    expect(server.requests.map(({ opcode }) => opcode)).toEqual([AUTH])
  })
})

describe('a server before 3.6', () => {
  it('gets the reads of a multiRead one behind the other', async () => {
    const stat = Buffer.alloc(68)
    const write = { [GET_DATA]: -1, [GET_CHILDREN]: 0 } as const
    await using server = await ScriptedServer.start({
      answer({ xid, opcode }) {
        if (opcode === MULTI_READ) return reply(xid, -6)
        const first = write[opcode as keyof typeof write]
        return reply(xid, 0, (writer) => {
          writer.int(first)
          for (const byte of stat) writer.bool(byte !== 0)
        })
      },
    })
    await using client = clientOf([server.endpoint])
    for (let i = 0; i < 2; i++) {
      const results = await client.multiRead([
        { type: 'get', path: '/a' },
        { type: 'children', path: '/a' },
      ])
      expect(results).toMatchObject([
        { type: 'get', data: null },
        { type: 'children', children: [] },
      ])
    }
    const opcodes = server.requests.map(({ opcode }) => opcode)
    // It is asked once whether it can.
    expect(opcodes).toEqual([MULTI_READ, GET_DATA, GET_CHILDREN, GET_DATA, GET_CHILDREN])
  })
})

describe('a server that breaks the protocol', () => {
  const broken: readonly [string, Parameters<typeof ScriptedServer.start>[0]][] = [
    ['answers another request', { answer: ({ xid }) => reply(xid + 1) }],
    [
      'answers with too little',
      { answer: ({ xid }) => reply(xid, 0, (writer) => writer.int(500)) },
    ],
    ['answers with half a header', { answer: () => frameOf((writer) => writer.int(1)) }],
    ['answers a ping that was not sent', { answer: () => reply(-2) }],
    ['answers what nobody asks', { answer: () => reply(-3) }],
    ['speaks HTTP', { answer: () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n') }],
    ['announces more than is allowed', { answer: () => Buffer.from([0x7f, 0xff, 0xff, 0xff]) }],
    ['announces less than nothing', { answer: () => Buffer.from([0xff, 0xff, 0xff, 0xff]) }],
  ]

  it.each(broken)('%s: the call fails with PROTOCOL_ERROR', async (_what, script) => {
    await using server = await ScriptedServer.start(script)
    await using client = clientOf([server.endpoint], { maxFrame: 1 << 20 })
    const states = statesOf(client)
    const calls = [client.set('/a', null), client.set('/b', null), client.get('/c')]
    const [first, second, third] = await Promise.all(calls.map(failureOf))
    expect(first).toMatchObject({ code: 'PROTOCOL_ERROR', mayHaveHappened: true, path: '/a' })
    expect(second).toMatchObject({ code: 'CONNECTION_LOSS', mayHaveHappened: true })
    expect(third).toMatchObject({ code: 'CONNECTION_LOSS', mayHaveHappened: false })
    await waitFor(() => states.length >= 2, { what: 'the loss' })
    expect(states[1]).toMatchObject({ type: 'disconnected', cause: { code: 'PROTOCOL_ERROR' } })
  })

  const grants: readonly [
    string,
    NonNullable<Parameters<typeof ScriptedServer.start>[0]>['grant'],
  ][] = [
    ['no session', () => ({ timeout: 0 })],
    ['a password that is too long', () => ({ password: new Uint8Array(300) })],
    ['nothing', () => null],
  ]

  it.each(grants)('that grants %s is not connected to', async (_what, grant) => {
    await using server = await ScriptedServer.start(grant === undefined ? {} : { grant })
    await using client = clientOf([server.endpoint])
    expect(await failureOf(client.connect(within(400)))).toMatchObject({ code: 'NOT_REACHABLE' })
    await waitFor(() => server.asked.length > 2, { what: 'other attempts' })
    expect(client.sessionId).toBe(0n)
  })

  it('that grants another session than was asked for is left', async () => {
    let next = 5n
    await using server = await ScriptedServer.start({
      grant: () => ({ id: next++ }),
      answer: () => null,
    })
    await using client = clientOf([server.endpoint])
    await client.connect()
    await failureOf(client.get('/a'))
    expect(await failureOf(client.get('/a', within(300)))).toMatchObject({ code: 'NOT_REACHABLE' })
    expect(client.sessionId).toBe(5n)
    expect(new Set(server.asked.slice(1).map(({ id }) => id))).toEqual(new Set([5n]))
  })

  it('by events of unknown types is borne with', async () => {
    const odd = [0, 5, 6, 7, 99, -1].map((type) =>
      frameOf((writer) => {
        writer.int(-1)
        writer.long(-1n)
        for (const int of [0, type, 3]) writer.int(int)
        writer.string('/a')
      }),
    )
    await using server = await ScriptedServer.start()
    await using client = clientOf([server.endpoint])
    const { heard, listener } = recorder()
    await client.watch('/a', 'persistent', listener)
    server.send(Buffer.concat(odd))
    await client.sync('/a')
    expect(heard).toEqual([])
    expect(client.state).toBe('connected')
  })
})

describe('watches', () => {
  it('that the server reports before it confirms them are not lost', async () => {
    const event = frameOf((writer) => {
      writer.int(-1)
      writer.long(-1n)
      for (const int of [0, 3, 3]) writer.int(int)
      writer.string('/a')
    })
    await using server = await ScriptedServer.start({
      answer: ({ xid, opcode }) => {
        const answer = reply(xid, 0, (writer) => {
          writer.int(-1)
          for (let i = 0; i < 68; i++) writer.bool(false)
        })
        return opcode === GET_DATA ? Buffer.concat([event, answer]) : reply(xid)
      },
    })
    await using client = clientOf([server.endpoint])
    const { heard, listener } = recorder()
    await client.get('/a', undefined, listener)
    expect(heard).toEqual(['changed /a'])
  })

  it('are set again before anything else is asked', async () => {
    let hangsUp = false
    await using server = await ScriptedServer.start({
      answer: ({ xid, opcode }) =>
        hangsUp && opcode === GET_DATA ? null : reply(xid, xid > 0 ? NO_NODE : 0),
    })
    await using client = clientOf([server.endpoint])
    const { listener } = recorder()
    await client.exists('/a', undefined, listener)
    hangsUp = true
    await failureOf(client.get('/a'))
    hangsUp = false
    await client.get('/b')
    const opcodes = server.requests.map(({ opcode }) => opcode)
    expect(SET_WATCHES).toContain(opcodes.at(-2))
    expect(opcodes.at(-1)).toBe(GET_DATA)
    expect(server.asked.at(-1)).toMatchObject({ id: 7n, zxid: 1n })
  })

  it('that throw do not disturb the client, and are not silenced', async () => {
    await using server = await ScriptedServer.start()
    const { code, output } = await run(`
      process.on('uncaughtException', ({ message }) => console.log('uncaught:', message))
      const client = new ZooKeeperClient({ servers: ['${server.endpoint}'], runtime })
      client.onState(({ type }) => {
        throw new Error(type)
      })
      await client.sync('/')
      await client.sync('/')
      await client.close()
      console.log(client.state)`)
    expect({ code, output }).toEqual({
      code: 0,
      output: 'uncaught: connected\nuncaught: closed\nclosed\n',
    })
  })
})

describe('a client that is closed', () => {
  it.each(['close', 'abandon'] as const)(
    'by a listener (%s) does not connect again',
    async (how) => {
      await using server = await ScriptedServer.start({ answer: () => null })
      const client = clientOf([server.endpoint], { closeTimeout: 100 })
      const states = statesOf(client)
      client.onState(({ type }) => {
        if (type === 'disconnected') void client[how]()
      })
      await failureOf(client.get('/'))
      await client.close()
      const { length } = server.asked
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect(server.asked).toHaveLength(length)
      expect(states.at(-1)).toEqual({ type: 'closed' })
      expect(client.state).toBe('closed')
    },
  )

  it('by a watch or by the first state stays closed', async () => {
    await using server = await ScriptedServer.start()
    const client = clientOf([server.endpoint], { closeTimeout: 100 })
    client.onState(() => {
      client.abandon()
    })
    expect(await failureOf(client.sync('/'))).toMatchObject({ code: 'CLOSED' })
    expect(client.state).toBe('closed')
  })
})

describe('requests', () => {
  it('that wait for the connection go out in order', async () => {
    await using server = await ScriptedServer.start()
    await using client = clientOf([server.endpoint])
    await Promise.all(Array.from({ length: 5_000 }, (_, i) => client.delete(`/${i}`)))
    const xids = server.requests.map(({ xid }) => xid)
    expect(xids).toEqual(Array.from({ length: 5_000 }, (_, i) => i + 1))
  })

  it('are held back when too many are unanswered, and fail without doubt if they never go out', async () => {
    await using server = await ScriptedServer.start({ answer: () => undefined })
    await using client = clientOf([server.endpoint])
    await client.connect()
    const calls = Array.from({ length: 6_000 }, () =>
      failureOf(client.set('/a', null, -1, within(500))),
    )
    const errors = await Promise.all(calls)
    expect(errors.every(({ code }) => code === 'TIMEOUT')).toBe(true)
    const doubtful = errors.filter(({ mayHaveHappened }) => mayHaveHappened)
    expect(doubtful.length).toBe(server.requests.length)
    expect(doubtful.length).toBeLessThan(5_000)
  })
})
