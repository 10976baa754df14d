import { describe, expect, it } from '@jest/globals'
import { iterate } from '../iterate.ts'
import { waitFor } from '../wait-for.ts'
import { Follower } from './follower.ts'
import type { ProxiedStore } from './proxied-store.ts'
import { Writer } from './writer.ts'

/** Watches while servers and connections fail: nothing is missing, nothing comes twice, nothing goes back. */
export function watchFaultCases(proxied: ProxiedStore): void {
  /** Follows while `fault` happens, and sees that nothing is missing and nothing came twice. */
  async function survives(fault: () => Promise<void>): Promise<void> {
    const { kv, direct, dir } = proxied
    const follower = await new Follower(kv, dir).started()
    const writer = new Writer(direct, dir)
    await waitFor(() => writer.written.length > 50, { what: 'some writes' })
    await fault()
    const before = writer.written.length
    await waitFor(() => writer.written.length > before + 50, {
      what: 'more writes',
    })
    await follower.has(await writer.stop())
    expect(follower.violations).toEqual([])
    await follower.stop()
  }

  describe('a watch', () => {
    it('begins with the present beside others that watch the same', async () => {
      const { kv, direct, dir } = proxied
      const key = `${dir}/key`
      await direct.put(key, 'first')
      const follower = await new Follower(kv, dir).started()
      const others = iterate(kv.watch(key))
      expect((await others.next()).value?.text()).toBe('first')
      for (let i = 0; i < 30; i++) {
        const { revision } = await direct.put(key, String(i))
        const states = iterate(kv.watch(key))
        const trees = iterate(kv.watchTree(dir))
        expect((await states.next()).value?.revision).toBe(revision)
        expect((await trees.next()).value?.pairs[0]?.revision).toBe(revision)
        await states.return?.()
        await trees.return?.()
      }
      await direct.delete(key)
      await waitFor(async () => (await others.next()).value === null, { what: 'the deletion' })
      await others.return?.()
      await follower.has([])
      expect(follower.violations).toEqual([])
      await follower.stop()
    })

    it('loses nothing when the server is killed and started again', async () => {
      await survives(() => proxied.server.restart())
    })

    it('loses nothing when the connection is reset again and again', async () => {
      await survives(async () => {
        const { proxy } = proxied
        for (let i = 0; i < 5; i++) {
          const accepted = proxy.stats.accepted
          proxy.cut()
          await waitFor(() => proxy.stats.accepted > accepted, { what: 'a new connection' })
        }
      })
    })

    it('loses nothing when the server is frozen for a while', async () => {
      const { kv, direct, dir, server } = proxied
      const follower = await new Follower(kv, dir).started()
      await direct.put(`${dir}/before`, '')
      await server.freeze()
      const late = direct.put(`${dir}/during`, '', { timeout: 30_000 })
      // Longer than any answer takes: the connection itself survives.
      await expect(direct.get('any', { timeout: 2_000 })).rejects.toMatchObject({ code: 'TIMEOUT' })
      await server.resume()
      await late
      await follower.has([`${dir}/before`, `${dir}/during`])
      expect(follower.violations).toEqual([])
      await follower.stop()
    })

    it('notices a silent partition and goes on after it', async () => {
      const { kv, direct, dir, proxy } = proxied
      const follower = await new Follower(kv, dir).started()
      expect(proxy.stats.open).toBeGreaterThan(0)
      proxy.blackhole()
      await direct.put(`${dir}/during`, '')
      // The old connection stays dead: only the client's own attention can tell, and a new one has to be made.
      const accepted = proxy.stats.accepted
      await waitFor(() => proxy.stats.accepted > accepted, {
        what: 'the client to give the silent connection up',
      })
      proxy.pass()
      await follower.has([`${dir}/during`])
      expect(follower.violations).toEqual([])
      await follower.stop()
    })

    it('shows what was deleted, and what was deleted and created again, while it was away', async () => {
      const { kv, direct, dir, proxy } = proxied
      await direct.put(`${dir}/goes`, '')
      const before = await direct.put(`${dir}/again`, 'same')
      await direct.put(`${dir}/stays`, '')
      const follower = await new Follower(kv, dir).started()
      await proxy.down()
      await direct.delete(`${dir}/goes`)
      await direct.delete(`${dir}/again`)
      const after = await direct.put(`${dir}/again`, 'same')
      await proxy.up()
      await waitFor(
        () => follower.changes.get(`${dir}/again`)?.at(-1)?.pair?.revision === after.revision,
        { what: 'the key created again' },
      )
      await follower.has([`${dir}/again`, `${dir}/stays`])
      expect(follower.changes.get(`${dir}/goes`)?.map(({ type }) => type)).toEqual([
        'put',
        'delete',
      ])
      expect(follower.changes.get(`${dir}/stays`)).toHaveLength(1)
      const puts = follower.changes.get(`${dir}/again`)?.filter(({ type }) => type === 'put')
      expect(puts?.map(({ pair }) => pair?.createRevision)).toEqual([
        before.createRevision,
        after.createRevision,
      ])
      expect(follower.violations).toEqual([])
      await follower.stop()
    })

    it('shows the truth after the server lost its data, although the revisions began anew', async () => {
      const { kv, direct, dir, server } = proxied
      for (let i = 0; i < 50; i++) await direct.put('revisions', String(i))
      await direct.put(`${dir}/old`, '')
      const follower = await new Follower(kv, dir).started()
      const states = kv.watch(`${dir}/absent`)[Symbol.asyncIterator]()
      expect(await states.next()).toEqual({ done: false, value: null })
      await server.kill()
      await server.wipe()
      await server.start()
      await waitFor(() => direct.put(`${dir}/new`, ''), { what: 'a write to the new server' })
      await follower.has([`${dir}/new`])
      await direct.put(`${dir}/absent`, 'here')
      expect((await states.next()).value?.text()).toBe('here')
      await states.return?.()
      await follower.stop()
    })

    it('delivers a backlog of 10 MB at once', async () => {
      const { kv, direct, dir, proxy } = proxied
      const follower = await new Follower(kv, dir).started()
      proxy.blackhole()
      const keys = Array.from({ length: 24 }, (_, i) => `${dir}/${String(i)}`)
      for (const key of keys) await direct.put(key, Buffer.alloc(400_000, key))
      proxy.cut()
      proxy.pass()
      await follower.has(keys)
      expect(follower.state?.every(({ value }) => value.length === 400_000)).toBe(true)
      expect(follower.violations).toEqual([])
      await follower.stop()
    })
  })
}
