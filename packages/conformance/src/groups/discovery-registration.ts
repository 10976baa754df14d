import assert from 'node:assert/strict'
import { isLibkvError } from '@libkv/core'
import { RESERVED_SEGMENT } from '@libkv/core/driver'
import type { Store } from '@libkv/core'
import type { DiscoveryRecipe, TestedDiscovery, TestedInstance } from '../discovery-recipe.ts'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import type { Harness } from '../harness.ts'
import { refusal } from '../refusal.ts'
import { atMost, elapse, waitFor, waits } from '../wait-for.ts'

const web = (id: string): TestedInstance => ({
  service: 'web',
  id,
  address: '10.0.0.1',
  port: 80,
  metadata: {},
})

export const discoveryRegistrationCases = ({ Discovery }: DiscoveryRecipe): CaseGroup =>
  group(
    'registration',
    ({ it }) => {
      const on = (h: Harness, store: Store = h.kv, ttl: number = h.steadyTtl): TestedDiscovery =>
        new Discovery(store, { prefix: h.key('services'), ttl })
      const ids = async (reader: TestedDiscovery): Promise<string[]> =>
        (await reader.instances('web')).instances.map(({ id }) => id)

      it('is seen by others as it was made', async (h) => {
        const other = on(h, await h.open())
        const instance = { ...web('1'), metadata: { zone: 'eu', weight: 3, tags: ['a', 'b'] } }
        await on(h).register(instance)
        const found = await other.instances('web')
        assert.deepEqual(found, { instances: [instance], invalid: [], stale: false })
      })

      it('takes any text for a service and an id', async (h) => {
        const names = [
          'a/b',
          '.',
          '..',
          '%',
          '%2F',
          'ü',
          '😀',
          ' ',
          '\u0000',
          '\n',
          RESERVED_SEGMENT,
        ]
        const discovery = on(h)
        const other = on(h, await h.open())
        for (const name of names) await discovery.register({ ...web(name), service: name })
        for (const name of names) {
          const { instances } = await other.instances(name)
          assert.deepEqual(instances, [{ ...web(name), service: name }])
        }
        assert.deepEqual((await other.services()).services, [...names].sort())
      })

      it('lasts far beyond its time to live', async (h) => {
        const registration = await on(h).register(web('1'))
        await elapse(h.longestLife(h.steadyTtl) + 1_000)
        assert.equal(registration.isRegistered(), true)
        assert.deepEqual(await ids(on(h, await h.open())), ['1'])
      })

      it('is changed in place', async (h) => {
        const registration = await on(h).register(web('1'))
        const before = await h.kv.get(h.key('services/web/1'))
        await registration.update({ port: 81, metadata: { draining: true } })
        const { instances } = await on(h, await h.open()).instances('web')
        assert.deepEqual(instances, [{ ...web('1'), port: 81, metadata: { draining: true } }])
        assert.deepEqual(registration.instance, instances[0])
        const after = await h.kv.get(h.key('services/web/1'))
        assert.equal(after?.createRevision, before?.createRevision)
      })

      it('is off the list once it is deregistered, and stays off', async (h) => {
        const other = on(h, await h.open())
        const discovery = on(h)
        const registration = await discovery.register(web('1'))
        await discovery.register(web('2'))
        assert.equal((await ids(other)).length, 2)
        await registration.deregister()
        assert.deepEqual(await ids(other), ['2'])
        assert.equal(registration.isRegistered(), false)
        assert.ok(isLibkvError(registration.signal.reason, 'CLOSED'))
        await refusal(registration.update({ port: 81 }), 'CLOSED')
        await elapse(h.longestLife(h.steadyTtl))
        assert.deepEqual(await ids(other), ['2'])
      })

      it('can be deregistered any number of times, and made anew', async (h) => {
        const discovery = on(h)
        const registration = await discovery.register(web('1'))
        await Promise.all([registration.deregister(), registration.deregister()])
        await registration.deregister()
        await discovery.register(web('1'))
        await registration.deregister()
        assert.deepEqual(await ids(discovery), ['1'])
      })

      it('goes at once when its discovery is closed', async (h) => {
        const other = on(h, await h.open())
        const discovery = on(h)
        await Promise.all(['1', '2', '3'].map((id) => discovery.register(web(id))))
        assert.equal((await ids(other)).length, 3)
        await discovery.close()
        assert.deepEqual(await ids(other), [])
      })

      it('goes at once when its store is closed', async (h) => {
        const store = await h.open()
        const registration = await on(h, store).register(web('1'))
        await store.close()
        assert.deepEqual(await ids(on(h)), [])
        await waitFor('it is known to be over', () => registration.signal.aborted)
      })

      it('of a process that has crashed goes within its time to live', async (h) => {
        const { store, runtime } = await h.openFreezable()
        const ttl = h.steadyTtl
        const crashing = new Discovery(store, { prefix: h.key('services'), ttl, runtime })
        const reader = on(h)
        await crashing.register(web('1'))
        await reader.register(web('2'))
        assert.deepEqual(await ids(reader), ['1', '2'])
        runtime.freeze()
        const isGone = async (): Promise<boolean> => (await ids(reader)).join() === '2'
        const bound = h.takeover(ttl)
        await atMost(bound + 100, 'the end of the instance', () =>
          waitFor('the instance is gone', isGone, bound + waits.timeout),
        )
      })

      it('comes back when its session was lost', async (h) => {
        const { store, runtime } = await h.openFreezable()
        const ttl = h.steadyTtl
        const prefix = h.key('services')
        const registration = await new Discovery(store, { prefix, ttl, runtime }).register(web('1'))
        runtime.leap(3 * ttl)
        assert.equal(registration.isRegistered(), false)
        await waitFor('it is registered again', () => registration.isRegistered())
        assert.deepEqual(await ids(on(h)), ['1'])
        await elapse(h.takeover(ttl))
        assert.deepEqual(await ids(on(h)), ['1'])
      })

      it('comes back when its entry was deleted', async (h) => {
        const registration = await on(h).register(web('1'))
        const operator = await h.open()
        await operator.deleteTree(h.key('services'))
        const reader = on(h, operator)
        await waitFor('it is back', async () => (await ids(reader)).length === 1)
        await waitFor('it knows', () => registration.isRegistered())
      })

      it('comes back when its entry was overwritten', async (h) => {
        await on(h).register(web('1'))
        const operator = await h.open()
        await operator.put(h.key('services/web/1'), Uint8Array.of(0xff))
        const reader = on(h, operator)
        await waitFor('it is back', async () => (await ids(reader)).length === 1)
      })

      it('gives way to a later one of the same id', async (h) => {
        const reader = on(h)
        // No session ends meanwhile, which would make the earlier one the later one.
        const ttl = 4 * h.steadyTtl
        const first = await on(h, await h.open(), ttl).register(web('1'))
        const second = await on(h, await h.open(), ttl).register({ ...web('1'), port: 81 })
        await waitFor('the first one knows', () => first.signal.aborted)
        assert.ok(isLibkvError(first.signal.reason, 'KEY_MODIFIED'))
        await first.deregister()
        const { instances } = await reader.instances('web')
        assert.deepEqual(instances, [{ ...web('1'), port: 81 }])
        assert.equal(second.isRegistered(), true)
      })

      it('by many at once of the same id leaves one of them', async (h) => {
        const stores = await Promise.all(Array.from({ length: 5 }, () => h.open()))
        const outcomes = await Promise.allSettled(
          stores.map((store, port) => on(h, store).register({ ...web('1'), port })),
        )
        // One may be superseded before its own call returns.
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') {
            assert.ok(isLibkvError(outcome.reason, 'KEY_MODIFIED'), String(outcome.reason))
          }
        }
        const registrations = outcomes.flatMap((outcome) =>
          outcome.status === 'fulfilled' ? [outcome.value] : [],
        )
        await waitFor(
          'one is left',
          () => registrations.filter(({ signal }) => !signal.aborted).length === 1,
        )
        const [winner] = registrations.filter(({ signal }) => !signal.aborted)
        const { instances } = await on(h).instances('web')
        assert.deepEqual(instances, [winner?.instance])
      })

      it('that is given up leaves nothing behind', async (h) => {
        const discovery = on(h)
        for (let ms = 0; ms < 10; ms++) {
          const signal = AbortSignal.timeout(ms)
          const id = String(ms)
          await discovery.register(web(id), { signal }).then(
            (registration) => registration.deregister(),
            () => undefined,
          )
        }
        await waitFor('nobody is there', async () => (await ids(discovery)).length === 0)
      })

      it('refuses what is no instance, before it writes anything', async (h) => {
        const discovery = on(h)
        for (const flaw of [{ service: '' }, { id: '' }, { address: '' }, { port: -1 }]) {
          await refusal(discovery.register({ ...web('1'), ...flaw }), 'INVALID_OPTION')
        }
        await refusal(discovery.register(web('x'.repeat(2_000))), 'INVALID_KEY')
        const metadata = { text: 'x'.repeat(600_000) }
        await refusal(discovery.register({ ...web('1'), metadata }), 'VALUE_TOO_LARGE')
        await refusal(discovery.register(web('1'), { ttl: 1 }), 'INVALID_OPTION')
        assert.deepEqual(await h.names(), [])
      })

      it('is refused when the discovery is closed', async (h) => {
        const discovery = on(h)
        await discovery.close()
        await discovery.close()
        await refusal(discovery.register(web('1')), 'CLOSED')
        await refusal(discovery.instances('web'), 'CLOSED')
      })
    },
    undefined,
    { together: true },
  )
