import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { HeldLock, Store } from '@libkv/core'
import { waitFor } from '@libkv/testing'
import { runningServers } from '@libkv/testing/backend-cases/running-servers'
import { FaultProxy } from '@libkv/testing/servers'
import { zookeeperUnderTest } from './zookeeper-under-test.ts'

/** Longer than any process here takes, on a busy machine too. */
const LIMIT = 60_000

/** A program in a process of its own, with a store `kv` on which it does not call close(). */
class Program {
  readonly #child: ChildProcess
  readonly exit: Promise<number | null>
  output = ''

  constructor(endpoint: string, body: string) {
    const program = `
      import { zookeeper } from '@libkv/zookeeper'
      const options = { tickTime: 500, sessionTimeout: 4000, requestTimeout: 3000 }
      const kv = zookeeper(['${endpoint}'], options)
      ${body}`
    this.#child = spawn(
      process.execPath,
      ['--conditions=@libkv/source', '--import', 'tsx', '--input-type=module', '--eval', program],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    )
    this.#child.stdout?.on('data', (data) => (this.output += String(data)))
    this.exit = new Promise((resolve) => this.#child.once('exit', resolve))
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  async printed(text: string): Promise<this> {
    const end = performance.now() + LIMIT
    await waitFor(() => this.output.includes(text) || !this.isRunning, {
      what: `'${text}' from a program`,
      timeout: end - performance.now(),
    })
    expect(this.output).toContain(text)
    return this
  }

  /** Lets a program go on that waits for its input to end. */
  goOn(): void {
    this.#child.stdin?.end()
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

const GO_ON = `for await (const _ of process.stdin);`

describe('a process with a store that is not closed', () => {
  afterAll(async () => {
    for (const program of programs) program.kill()
    await direct.close()
  })
  const servers = runningServers('zookeeper')
  const programs: Program[] = []
  let direct: Store
  beforeAll(() => {
    direct = zookeeperUnderTest.openAt(servers().endpoints)
  })

  function start(body: string, endpoint: string = servers().endpoints[0] ?? ''): Program {
    const program = new Program(endpoint, body)
    programs.push(program)
    return program
  }

  /** Resolves when a program with an idle store, started now, has ended. */
  async function idleProgramEnds(): Promise<void> {
    expect(await start(`await kv.get('idle')`).exit).toBe(0)
  }

  const ending: readonly [string, string][] = [
    ['after calls', `await kv.put('end/a', 'x'); await kv.get('end/a'); await kv.list('end')`],
    ['without any call', ``],
    ['with a key that has a ttl', `await kv.put('end/ttl', 'x', { ttl: 50_000 })`],
    ['after a deletion', `await kv.put('end/b/c', 'x'); await kv.delete('end/b/c')`],
    [
      'after a break out of its watches',
      `for await (const _ of kv.watch('end')) break
      for await (const _ of kv.watchTree('end')) break`,
    ],
    ['after its session is closed', `await (await kv.session()).close()`],
    ['after its lock is given back', `await (await kv.newLock('end/lock').lock()).unlock()`],
  ]

  it.each(ending)(
    'ends by itself %s',
    async (_when, body) => {
      expect(await start(body).exit).toBe(0)
    },
    LIMIT,
  )

  it(
    'ends by itself while its server is away',
    async () => {
      await using proxy = await FaultProxy.to(servers().endpoints[0] ?? '')
      const program = start(
        `await kv.put('end/away', 'x', { ttl: 50_000 })
        console.log('ready')
        ${GO_ON}`,
        proxy.endpoint,
      )
      await program.printed('ready')
      await proxy.down()
      program.goOn()
      expect(await program.exit).toBe(0)
    },
    LIMIT,
  )

  it(
    'lasts until a call in flight is answered, or its time is over',
    async () => {
      await using proxy = await FaultProxy.to(servers().endpoints[0] ?? '')
      const program = start(
        `await kv.get('stay/call')
        console.log('ready')
        ${GO_ON}
        console.log(await kv.get('stay/call').catch((error) => error.code))`,
        proxy.endpoint,
      )
      await program.printed('ready')
      proxy.blackhole()
      program.goOn()
      expect(await program.exit).toBe(0)
      expect(program.output).toMatch(/TIMEOUT|NOT_REACHABLE/)
    },
    LIMIT,
  )

  it.each([
    [
      'a watch is open',
      `for await (const pair of kv.watch('stay/key')) console.log('ready', pair?.text())`,
    ],
    [
      'a watch of a tree is open',
      `for await (const { pairs } of kv.watchTree('stay')) console.log('ready', pairs.at(-1)?.text())`,
    ],
  ])(
    'lasts while %s, connected or not',
    async (_what, body) => {
      await using proxy = await FaultProxy.to(servers().endpoints[0] ?? '')
      const program = await start(body, proxy.endpoint).printed('ready')
      await idleProgramEnds()
      expect(program.isRunning).toBe(true)
      await proxy.down()
      await idleProgramEnds()
      expect(program.isRunning).toBe(true)
      await proxy.up()
      const value = `after ${body.length}`
      await direct.put('stay/key', value)
      await program.printed(`ready ${value}`)
      program.kill()
      expect(await program.exit).toBeNull()
    },
    LIMIT,
  )

  it.each([
    ['a session is open', `await kv.session(); console.log('ready')`],
    ['a lock is held', `await kv.newLock('stay/lock').lock(); console.log('ready')`],
  ])(
    'lasts while %s',
    async (_what, body) => {
      const program = await start(body).printed('ready')
      await idleProgramEnds()
      expect(program.isRunning).toBe(true)
      program.kill()
      expect(await program.exit).toBeNull()
    },
    LIMIT,
  )

  it(
    'lasts while a lock is waited for',
    async () => {
      const held: HeldLock = await direct.newLock('stay/awaited').lock()
      const program = start(`
        const locker = kv.newLock('stay/awaited')
        locker.lock().then(async (lock) => {
          console.log('locked')
          await lock.unlock()
        })`)
      await waitFor(async () => (await direct.newLock('stay/awaited').contenders()).length === 2, {
        what: 'the other contender',
        timeout: LIMIT,
      })
      await idleProgramEnds()
      expect(program.isRunning).toBe(true)
      await held.unlock()
      expect(await program.exit).toBe(0)
      expect(program.output).toContain('locked')
    },
    LIMIT,
  )
})
