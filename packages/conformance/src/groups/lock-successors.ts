import assert from 'node:assert/strict'
import type { HeldLock, Store } from '@libkv/core'
import { textOf } from '../bytes.ts'
import { group, withoutReservedKeys } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { Line } from '../lock-line.ts'
import { waitFor, within } from '../wait-for.ts'

/** Some who want one lock: `a` holds, the others wait. */
class Queue {
  readonly #line: Line
  readonly #waiting = new Map<string, Promise<HeldLock>>()

  constructor(line: Line) {
    this.#line = line
  }

  /** One after the other they get in line, as `a`, `b`, `c`… */
  async join(...names: readonly string[]): Promise<void> {
    for (const [i, name] of names.entries()) {
      const locking = this.#line.store(i).newLock('job', { value: name, ttl: 60_000 }).lock()
      locking.catch(() => undefined)
      this.#waiting.set(name, locking)
      await this.#line.hasLength(this.#waiting.size)
    }
  }

  get store(): Store {
    return this.#line.store(0)
  }

  /** Waits until that one has it, and checks that everybody sees so. */
  async has(name: string): Promise<HeldLock> {
    const locking = this.#waiting.get(name)
    assert.ok(locking !== undefined)
    const held = await within(`the lock for ${name}`, locking)
    assert.equal(textOf(await this.store.get('job')), name)
    return held
  }

  async names(): Promise<string[]> {
    return (await this.store.newLock('job').contenders()).map((one) => one.text())
  }

  /** Hands the lock over. */
  async handOver(from: string, to: string): Promise<HeldLock> {
    const successor = (await this.store.newLock('job').contenders()).find(
      (one) => one.text() === to,
    )
    assert.ok(successor !== undefined, `${to} is not in line`)
    await (await this.has(from)).unlock({ successor })
    return this.has(to)
  }
}

export const lockSuccessorCases: CaseGroup = group(
  'the line before a lock',
  ({ it }) => {
    it('is empty when nobody wants the lock', async ({ kv, key }) => {
      assert.deepEqual(await kv.newLock(key()).contenders(), [])
    })

    it('shows all who hold or wait, in the order of their turns', async (harness) => {
      const line = await Line.of(harness, 3)
      const queue = new Queue(line)
      await queue.join('a', 'b', 'c', 'd')
      assert.deepEqual(await queue.names(), ['a', 'b', 'c', 'd'])
      const contenders = await line.store(1).newLock('job').contenders()
      assert.equal(new Set(contenders.map(({ id }) => id)).size, 4)
      await (await queue.has('a')).unlock()
      await queue.has('b')
      assert.deepEqual(await queue.names(), ['b', 'c', 'd'])
    })

    it('lets the named successor go first, and keeps its order otherwise', async (harness) => {
      const line = await Line.of(harness, 3)
      const queue = new Queue(line)
      await queue.join('a', 'b', 'c', 'd', 'e')
      const d = await queue.handOver('a', 'd')
      assert.deepEqual(await queue.names(), ['d', 'b', 'c', 'e'])
      assert.equal(await line.store(0).newLock('job').tryLock(), null)
      await d.unlock()
      for (const name of ['b', 'c', 'e']) await (await queue.has(name)).unlock()
      await line.isEmpty()
    })

    it('lets a named successor name another one', async (harness) => {
      const line = await Line.of(harness, 3)
      const queue = new Queue(line)
      await queue.join('a', 'b', 'c', 'd', 'e')
      const tokens = [(await queue.has('a')).token]
      for (const [from, to] of [
        ['a', 'd'],
        ['d', 'e'],
        ['e', 'c'],
        ['c', 'b'],
      ] as const) {
        tokens.push((await queue.handOver(from, to)).token)
      }
      assert.deepEqual(
        tokens,
        [...tokens].sort((a, b) => (a < b ? -1 : 1)),
      )
      await (await queue.has('b')).unlock()
      await line.isEmpty()
    })

    it('goes on as ever when the successor is next anyway', async (harness) => {
      const line = await Line.of(harness)
      const queue = new Queue(line)
      await queue.join('a', 'b', 'c')
      await queue.handOver('a', 'b')
      assert.deepEqual(await queue.names(), ['b', 'c'])
      await (await queue.has('b')).unlock()
      await (await queue.has('c')).unlock()
      await line.isEmpty()
    })

    it('goes on as ever when the successor is not in line', async (harness) => {
      const line = await Line.of(harness)
      const queue = new Queue(line)
      await queue.join('a', 'b')
      await (await queue.has('a')).unlock({ successor: { id: crypto.randomUUID() } })
      await (await queue.has('b')).unlock()
      await line.isEmpty()
    })

    it('works for holders with a session that was given', async (harness) => {
      const line = await Line.of(harness)
      const session = await line.store(0).session()
      const held = await line.store(0).newLock('job', { session, value: 'a' }).lock()
      const queue = new Queue(line)
      const waiting = ['b', 'c'].map(async (value, i) => {
        const own = await line.store(1).session()
        await line.hasLength(i + 1)
        return line.store(1).newLock('job', { session: own, value }).lock()
      })
      await line.hasLength(3)
      const [, , last] = await line.store(0).newLock('job').contenders()
      await held.unlock({ successor: last })
      const next = await within('the lock', Promise.race(waiting))
      assert.equal(next.pair.text(), last?.text())
      assert.equal(session.isAlive(), true)
      assert.equal((await queue.names()).length, 2)
      await next.unlock()
      await within('all', Promise.all(waiting.map(async (one) => (await one).unlock())))
      await line.isEmpty()
    })

    it('takes the others along with their sessions, also those that were passed over', async (h) => {
      const line = await Line.of(h)
      const { store, runtime } = await h.openFreezable(h.dir)
      const queue = new Queue(line)
      await queue.join('a')
      // Right ahead of the one that is named, and dead before its turn comes.
      const frozen = store.newLock('job', { value: 'frozen', ttl: h.ttl }).lock()
      frozen.catch(() => undefined)
      await line.hasLength(2)
      const c = line.store(1).newLock('job', { value: 'c', ttl: 60_000 }).lock()
      await line.hasLength(3)
      const [, , successor] = await line.store(0).newLock('job').contenders()
      await (await queue.has('a')).unlock({ successor })
      const held = await within('the lock', c)
      runtime.freeze()
      await waitFor(
        'the frozen one is out of the line',
        async () => String(await queue.names()) === 'c',
        h.takeover(h.ttl) + 1_000,
      )
      await held.unlock()
      await line.isEmpty()
    })

    it('goes on with the next when the successor is dead', async (h) => {
      const line = await Line.of(h)
      const { store, runtime } = await h.openFreezable(h.dir)
      const queue = new Queue(line)
      await queue.join('a', 'b')
      const frozen = store.newLock('job', { value: 'frozen', ttl: h.ttl }).lock()
      frozen.catch(() => undefined)
      await line.hasLength(3)
      runtime.freeze()
      const [, , successor] = await line.store(0).newLock('job').contenders()
      await (await queue.has('a')).unlock({ successor })
      // The frozen one may get the lock, and loses it with its session.
      await waitFor(
        'the next one has it',
        async () => textOf(await queue.store.get('job')) === 'b',
        h.takeover(h.ttl) * 2 + 1_000,
      )
      await (await queue.has('b')).unlock()
      await line.isEmpty()
    })
  },
  withoutReservedKeys,
)
