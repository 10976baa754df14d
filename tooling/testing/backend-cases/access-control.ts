import { describe, expect, it } from '@jest/globals'
import { check, put } from '@libkv/core'
import type { Store, StoreOptions } from '@libkv/core'
import { waitFor } from '../wait-for.ts'
import type { Servers } from '../servers/index.ts'
import { openOn } from './backend-under-test.ts'
import type { BackendUnderTest } from './backend-under-test.ts'
import { Follower } from './follower.ts'
import { renewal } from './renewal.ts'

/** Who may do what on servers with access control. What begins with `app/` is granted to those with the right credentials. */
export interface Grants {
  /** Credentials that are wrong, and the secret in them that nobody is to see. */
  readonly wrong: {
    readonly options: StoreOptions & Record<string, unknown>
    readonly secret: string
  }
  /** Opens a store that may use the keys below `own`, and none below `foreign`. */
  openRestricted(servers: Servers): Store
  readonly own: string
  readonly foreign: string
}

export const denied = { code: 'ACCESS_DENIED', retryable: false, ambiguous: false } as const

/** Servers with access control, and stores that they let in, in part or not at all. */
export function accessControlCases(
  underTest: BackendUnderTest,
  servers: () => Servers,
  { wrong, openRestricted, own, foreign }: Grants,
): void {
  describe('access control', () => {
    it('lets in with the right credentials', async () => {
      await using kv = openOn(underTest, servers())
      await kv.ready()
      await kv.put('app/key', 'x')
      expect(await kv.keys('app')).toContain('app/key')
      expect(await kv.list('app/none')).toEqual([])
      expect(await kv.deleteTree('app/none')).toBe(0)
    })

    it('is ACCESS_DENIED with wrong credentials, without showing them', async () => {
      await using kv = openOn(underTest, servers(), wrong.options)
      const error = await kv.get('app/key').catch((reason: unknown) => reason)
      expect(error).toMatchObject(denied)
      expect(String(error)).not.toContain(wrong.secret)
    })

    it('is ACCESS_DENIED without credentials', async () => {
      await using kv = underTest.openAt(servers().endpoints)
      await expect(kv.get('app/key')).rejects.toMatchObject(denied)
      await expect(kv.list('app')).rejects.toMatchObject(denied)
    })

    it('is ACCESS_DENIED outside of what is granted, for every call', async () => {
      await using kv = openRestricted(servers())
      const pair = await kv.put(`${own}/pair`, 'x')
      const key = `${foreign}/key`
      const calls: Record<string, () => Promise<unknown>> = {
        get: () => kv.get(key),
        'stale get': () => kv.get(key, { consistency: 'stale' }),
        exists: () => kv.exists(key),
        list: () => kv.list(foreign),
        keys: () => kv.keys(foreign),
        put: () => kv.put(key, 'x'),
        'put of much': () => kv.put(key, Buffer.alloc(400 * 1024)),
        'put with a ttl': () => kv.put(key, 'x', { ttl: 5_000 }),
        delete: () => kv.delete(key),
        deleteTree: () => kv.deleteTree(foreign),
        atomicPut: () => kv.atomicPut(key, 'x', null),
        'transaction that writes': () =>
          kv.transaction([check(`${own}/pair`, pair), put(key, 'x')]),
        'transaction that checks': () =>
          kv.transaction([check(key, null), put(`${own}/pair`, 'x')]),
        lock: () => kv.newLock(key).lock({ timeout: 5_000 }),
      }
      for (const [what, call] of Object.entries(calls)) {
        const outcome = await call().catch((error: unknown) => error)
        expect({ what, outcome }).toMatchObject({ what, outcome: denied })
      }
      expect((await kv.get(`${own}/pair`))?.text()).toBe('x')
    })

    for (const kind of ['watch', 'watchTree'] as const) {
      it(`ends a ${kind} that it forbids by throwing, and leaves later ones alone`, async () => {
        await using kv = openRestricted(servers())
        const forbidden = kv[kind](foreign)[Symbol.asyncIterator]()
        await expect(forbidden.next()).rejects.toMatchObject(denied)
        const allowed = kv[kind](`${own}/after`)[Symbol.asyncIterator]()
        const value = kind === 'watch' ? null : { pairs: [] }
        expect(await allowed.next()).toMatchObject({ done: false, value })
        await allowed.return?.()
      })
    }

    it('lets those who may not read everything find out whether the store answers', async () => {
      await using kv = openRestricted(servers())
      await kv.ready()
    })

    it('is no obstacle to going on after a restart of the server: calls, watches, sessions', async () => {
      await using kv = openOn(underTest, servers())
      const session = await kv.session({ ttl: 2 * underTest.steadyTtl })
      await kv.put('app/bound', 'x', { session })
      const follower = await new Follower(kv, 'app/restart').started()
      await servers().nodes[0]?.restart()
      await waitFor(() => kv.put('app/restart/key', 'x'), { what: 'a write after the restart' })
      await follower.has(['app/restart/key'])
      expect(follower.violations).toEqual([])
      await follower.stop()
      await renewal(session.id)
      expect(session.isAlive()).toBe(true)
      expect(await kv.exists('app/bound')).toBe(true)
    })
  })
}
