import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { waitFor } from '@libkv/testing'
import { startServers } from '@libkv/testing/servers'
import type { Servers } from '@libkv/testing/servers'
import type { ZooKeeperClient } from '../../src/client/index.ts'
import type { OtherClient } from './other-clients.ts'
import { bytes, clientOf, recorder, textOf } from './support.ts'

type Open = (endpoint: string) => Promise<OtherClient | undefined>

/**
 * What other clients write ours reads, and the other way round.
 *
 * @param opens - open the other clients, or return undefined where that is not possible.
 */
export function interoperabilityCases(opens: readonly Open[]): void {
  describe('beside other clients', () => {
    let servers: Servers
    let ours: ZooKeeperClient
    const others: OtherClient[] = []
    beforeAll(async () => {
      servers = await startServers('zookeeper')
      ours = clientOf(servers.endpoints, { sessionTimeout: 30_000 })
      const [endpoint = ''] = servers.endpoints
      for (const open of opens) {
        const other = await open(endpoint)
        if (other !== undefined) others.push(other)
      }
      for (const { name } of others) await ours.create(`/${name}`, null)
    })
    afterAll(async () => {
      await Promise.all([ours.close(), ...others.map((other) => other.close())])
      await servers[Symbol.asyncDispose]()
    })

    const samples = [
      new Uint8Array(),
      bytes('text \u20ac \u{1f600}'),
      Uint8Array.from({ length: 256 }, (_, i) => i),
      new Uint8Array(100_000).fill(0xff),
    ]
    const names = ['plain', 'with space', '\u4e16\u754c', '%2F']

    it('reads what they write', async () => {
      for (const other of others) {
        for (const [i, data] of samples.entries()) {
          const path = `/${other.name}/theirs ${names[i] ?? ''}`
          await other.create(path, data)
          expect([...((await ours.get(path))?.data ?? [1, 2, 3])]).toEqual([...data])
          await other.set(path, bytes('again'))
          const node = await ours.get(path)
          expect(textOf(node?.data)).toBe('again')
          expect(node?.stat.version).toBe(1)
        }
        const theirs = [...(await other.children(`/${other.name}`))].sort()
        expect([...((await ours.children(`/${other.name}`))?.children ?? [])].sort()).toEqual(
          theirs,
        )
        expect(theirs).toHaveLength(4)
      }
    })

    it('writes what they read', async () => {
      for (const other of others) {
        for (const [i, data] of samples.entries()) {
          const path = `/${other.name}/ours ${names[i] ?? ''}`
          await ours.create(path, data)
          expect([...((await other.get(path)).data ?? [])]).toEqual([...data])
          await ours.set(path, bytes('again'))
          expect(await other.get(path)).toMatchObject({ version: 1 })
          expect(textOf((await other.get(path)).data)).toBe('again')
        }
        const path = `/${other.name}/nothing`
        await ours.create(path, null)
        // Some call it null, some undefined; none takes it for empty.
        expect((await other.get(path)).data ?? null).toBeNull()
        await other.delete(path)
        expect(await ours.exists(path)).toBeNull()
      }
    })

    it('sees their ephemeral nodes come and go, and they see its own', async () => {
      const [endpoint = ''] = servers.endpoints
      for (const open of opens) {
        const guest = await open(endpoint)
        if (guest === undefined) continue
        const path = `/${guest.name}/guest`
        const { heard, listener } = recorder()
        await ours.exists(path, undefined, listener)
        await guest.create(path, bytes('x'), true)
        await waitFor(() => heard.length === 1, { what: 'the node to come' })
        const node = await ours.get(path, undefined, listener)
        expect(node?.stat.ephemeralOwner).not.toBe(0n)
        const mine = clientOf(servers.endpoints)
        await mine.create(`${path}-of-ours`, bytes('y'), { mode: 'ephemeral' })
        expect(textOf((await guest.get(`${path}-of-ours`)).data)).toBe('y')
        const gone = guest.changed(`${path}-of-ours`)
        await guest.get(`${path}-of-ours`)
        await mine.close()
        await gone
        expect(await guest.children(`/${guest.name}`)).not.toContain('guest-of-ours')
        await guest.close()
        await waitFor(() => heard.length === 2, { what: 'the node to go' })
        expect(heard).toEqual([`created ${path}`, `deleted ${path}`])
      }
    })

    it('is woken by their writes, and wakes them', async () => {
      for (const other of others) {
        const path = `/${other.name}/watched`
        const { heard, listener } = recorder()
        await ours.watch(path, 'persistentRecursive', listener)
        await other.create(path, bytes('1'))
        await other.set(path, bytes('2'))
        await other.create(`${path}/child`, bytes('3'))
        await other.delete(`${path}/child`)
        await waitFor(() => heard.length === 4, { what: 'four events' })
        expect(heard).toEqual([
          `created ${path}`,
          `changed ${path}`,
          `created ${path}/child`,
          `deleted ${path}/child`,
        ])
        const woken = other.changed(path)
        // Behind the watch, as all calls of one client are.
        await other.get(path)
        await ours.set(path, bytes('4'))
        await woken
      }
    })
  })
}
