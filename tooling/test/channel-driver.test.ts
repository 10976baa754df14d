import { EventEmitter } from 'node:events'
import { deserialize, serialize } from 'node:v8'
import { afterEach, describe, expect, it } from '@jest/globals'
import { openStore } from '@libkv/core/driver'
import type { Store } from '@libkv/core'
import { memory, memoryDriver, memoryFaults } from '@libkv/memory'
import { waitFor } from '@libkv/testing'
import type { Channel } from '../tour/channel.ts'
import { ChannelDriver } from '../tour/channel-driver.ts'
import { serveDriver } from '../tour/serve-driver.ts'

const NAME = 'channel-driver'
const faults = memoryFaults(NAME)

/** One end of a channel within this process: what goes through it is serialized as it is between processes. */
class End extends EventEmitter implements Channel {
  connected = true
  other: End | undefined

  send(message: object, callback: (error: Error | null) => void): boolean {
    const bytes = serialize(message)
    setImmediate(() => {
      if (this.connected) this.other?.emit('message', deserialize(bytes))
      callback(this.connected ? null : new Error('closed'))
    })
    return true
  }

  disconnect(): void {
    for (const end of [this, this.other]) {
      if (end === undefined) continue
      end.connected = false
      end.emit('disconnect')
    }
  }
}

/** A store that has its driver at the other end of a channel, and the channel. */
function remote(): { kv: Store; channel: End } {
  const [here, there] = [new End(), new End()]
  here.other = there
  there.other = here
  const driver = memoryDriver(NAME)
  serveDriver(driver, there)
  const kv = openStore(new ChannelDriver(driver, here), { connectionTimeout: 200 })
  return { kv, channel: here }
}

describe('a store over the driver of another process', () => {
  const local = memory([NAME])

  afterEach(async () => {
    faults.reset()
    await local.deleteTree('')
  })

  it('reads and writes the same data', async () => {
    const { kv } = remote()
    const written = await kv.put('a/1', Uint8Array.of(0xff, 0))
    await local.put('a/2', 'two')
    expect(written.revision).toBe((await local.get('a/1'))?.revision)
    expect((await kv.list('a')).map(({ key, value }) => [key, ...value])).toEqual([
      ['a/1', 0xff, 0],
      ['a/2', ...Buffer.from('two')],
    ])
    expect(await kv.deleteTree('a')).toBe(2)
    expect(await kv.get('a/1')).toBeNull()
    await kv.close()
  })

  it('is refused with what there is instead', async () => {
    const { kv } = remote()
    await kv.put('a', 'mine', { ttl: 60_000 })
    const revision = (await local.get('a'))?.revision
    await expect(kv.atomicPut('a', 'new', null)).rejects.toMatchObject({
      code: 'KEY_EXISTS',
      ambiguous: false,
      current: { key: 'a', revision },
    })
    await kv.close()
  })

  it('hears whether a write that failed may have happened', async () => {
    const { kv } = remote()
    faults.loseAnswers(1)
    await expect(kv.put('a', 'lost')).rejects.toMatchObject({
      code: 'NOT_REACHABLE',
      retryable: true,
      ambiguous: true,
    })
    faults.disconnect()
    await expect(kv.put('a', 'refused')).rejects.toMatchObject({
      code: 'NOT_REACHABLE',
      retryable: true,
      ambiguous: false,
    })
    faults.reconnect()
    expect((await kv.get('a'))?.text()).toBe('lost')
    await kv.close()
  })

  it('does not know what became of a write when the other process ends', async () => {
    const { kv, channel } = remote()
    faults.delay = 60_000
    const write = kv.put('a', '1')
    const refusal = expect(write).rejects.toMatchObject({ code: 'NOT_REACHABLE', ambiguous: true })
    await new Promise(setImmediate)
    channel.disconnect()
    await refusal
    await expect(kv.put('a', '1')).rejects.toMatchObject({
      code: 'NOT_REACHABLE',
      ambiguous: false,
    })
    await kv.close()
  })

  it('watches, until it breaks out of the loop', async () => {
    const { kv } = remote()
    const seen: (string | undefined)[] = []
    for await (const pair of kv.watch('a')) {
      seen.push(pair?.text())
      if (seen.length === 1) await local.put('a', 'there', { ttl: 200 })
      if (seen.length === 3) break
    }
    expect(seen).toEqual([undefined, 'there', undefined])
    await kv.close()
  })

  it('keeps its session alive, and loses it when its process ends', async () => {
    const { kv, channel } = remote()
    const session = await kv.session({ ttl: 300 })
    await kv.put('bound', '1', { session })
    await local.put('longer', '1', { ttl: 900 })
    const isGone = async (key: string): Promise<boolean> => !(await local.exists(key))
    await waitFor(() => isGone('longer'), { what: 'three times the ttl' })
    expect(session.isAlive()).toBe(true)
    expect(await isGone('bound')).toBe(false)
    channel.disconnect()
    await waitFor(() => isGone('bound'), { what: 'the end of the session' })
    await waitFor(() => !session.isAlive(), { what: 'the end of the belief in it' })
    await kv.close()
  })

  it('cannot write with a session that the other process has ended', async () => {
    const { kv } = remote()
    const session = await kv.session()
    faults.dropSessions()
    await expect(kv.put('bound', '1', { session })).rejects.toMatchObject({
      code: 'SESSION_EXPIRED',
    })
    expect(session.isAlive()).toBe(false)
    await kv.close()
  })
})
