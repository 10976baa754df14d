import assert from 'node:assert/strict'
import type {
  DiscoveryRecipe,
  InstanceChange,
  TestedDiscovery,
  TestedInstance,
} from '../discovery-recipe.ts'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import type { Harness } from '../harness.ts'
import { States } from '../states.ts'
import { atMost } from '../wait-for.ts'

const web = (id: string, port = 80): TestedInstance => ({
  service: 'web',
  id,
  address: '10.0.0.1',
  port,
  metadata: {},
})

const idsOf = (instances: readonly TestedInstance[]): string =>
  instances.map(({ id }) => id).join(',')

export const discoveryWatchCases = ({ Discovery }: DiscoveryRecipe): CaseGroup =>
  group(
    'watching',
    ({ it }) => {
      const on = async (h: Harness): Promise<TestedDiscovery> =>
        new Discovery(await h.open(), { prefix: h.key('services'), ttl: h.steadyTtl })
      const isGone =
        (id: string) =>
        ({ instances }: InstanceChange): boolean =>
          !instances.some((instance) => instance.id === id)

      /** A slow connection may change whether the list is stale, and nothing else. */
      const isChange = ({ added, changed, removed }: InstanceChange): boolean =>
        added.length + changed.length + removed.length > 0

      it('begins with nobody, and sees who comes, changes and goes', async (h) => {
        const discovery = await on(h)
        await using states = new States((await on(h)).watch('web'))
        assert.deepEqual(await states.next(), {
          instances: [],
          invalid: [],
          stale: false,
          added: [],
          changed: [],
          removed: [],
        })
        const registration = await discovery.register(web('1'))
        assert.deepEqual((await states.until(isChange)).at(-1)?.added, [web('1')])
        await registration.update({ port: 81 })
        const change = (await states.until(isChange)).at(-1)
        assert.deepEqual([change?.added, change?.changed], [[], [web('1', 81)]])
        await registration.deregister()
        const end = (await states.until(isChange)).at(-1)
        assert.deepEqual([end?.instances, end?.removed], [[], [web('1', 81)]])
      })

      it('begins with all who are there', async (h) => {
        const discovery = await on(h)
        for (const id of ['2', '1', '3']) await discovery.register(web(id))
        await using states = new States((await on(h)).watch('web'))
        const first = await states.next()
        assert.equal(idsOf(first.instances), '1,2,3')
        assert.deepEqual(first.added, first.instances)
      })

      it('sees nothing of other services', async (h) => {
        const discovery = await on(h)
        await using states = new States((await on(h)).watch('web'))
        await states.next()
        for (const service of ['web-2', 'db', 'web/1']) {
          await discovery.register({ ...web('1'), service })
        }
        await discovery.register(web('2'))
        assert.equal(idsOf((await states.next()).instances), '2')
      })

      it('merges what a slow reader misses, and yields the last state', async (h) => {
        const discovery = await on(h)
        await using states = new States((await on(h)).watch('web'))
        await states.next()
        for (let port = 1; port <= 20; port++) {
          const registration = await discovery.register(web('1', port))
          if (port % 2 === 0) await registration.deregister()
        }
        await discovery.register(web('1', 99))
        const seen = await states.until(({ instances }) => instances[0]?.port === 99)
        assert.ok(seen.length <= 41)
      })

      it('reports entries that are none, and does not mind them', async (h) => {
        const discovery = await on(h)
        await discovery.register(web('1'))
        await h.kv.put(h.key('services/web/bad'), Uint8Array.of(0xff, 0x00))
        await h.kv.put(h.key('services/web/2'), '{"address":"10.0.0.2","port":"http"}')
        await using states = new States((await on(h)).watch('web'))
        const { instances, invalid } = await states.next()
        assert.deepEqual(instances, [web('1')])
        const keys = invalid.map(({ key }) => key)
        assert.deepEqual(keys, [h.key('services/web/2'), h.key('services/web/bad')])
        await discovery.register(web('2'))
        const mended = await states.until((state) => state.invalid.length === 1)
        assert.equal(idsOf(mended.at(-1)?.instances ?? []), '1,2')
      })

      it('sees within its time to live that a process has crashed', async (h) => {
        const { store, runtime } = await h.openFreezable()
        const ttl = h.steadyTtl
        const prefix = h.key('services')
        await new Discovery(store, { prefix, ttl, runtime }).register(web('1'))
        await using states = new States((await on(h)).watch('web'))
        assert.equal(idsOf((await states.next()).instances), '1')
        runtime.freeze()
        await atMost(h.takeover(ttl) + 100, 'the end of the instance', () =>
          states.until(isGone('1')),
        )
      })

      it('ends by break, by its signal, and with its discovery', async (h) => {
        const discovery = await on(h)
        for await (const { instances } of discovery.watch('web')) {
          assert.deepEqual(instances, [])
          break
        }
        const controller = new AbortController()
        const reason = new Error('enough')
        const aborted = new States(discovery.watch('web', { signal: controller.signal }))
        await aborted.next()
        controller.abort(reason)
        assert.equal(await aborted.failure(), reason)
        const closed = new States(discovery.watch('web'))
        await closed.next()
        await discovery.close()
        await closed.end()
      })
    },
    undefined,
    { together: true },
  )
