import assert from 'node:assert/strict'
import type { DiscoveryRecipe, TestedDiscovery, TestedInstance } from '../discovery-recipe.ts'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import type { Harness } from '../harness.ts'
import { refusal } from '../refusal.ts'
import { waitFor } from '../wait-for.ts'

const web = (id: string): TestedInstance => ({
  service: 'web',
  id,
  address: '10.0.0.1',
  port: 80,
  metadata: {},
})

export const discoveryFindingCases = ({ Discovery }: DiscoveryRecipe): CaseGroup =>
  group('finding', ({ it, target }) => {
    const on = async (h: Harness): Promise<TestedDiscovery> =>
      new Discovery(await h.open(), { prefix: h.key('services'), ttl: h.steadyTtl })

    it('finds two hundred', async (h) => {
      const discovery = await on(h)
      const ids = Array.from({ length: 200 }, (_, i) => String(i).padStart(3, '0'))
      const rest = [...ids]
      const worker = async (): Promise<void> => {
        for (let id = rest.pop(); id !== undefined; id = rest.pop()) {
          await discovery.register(web(id))
        }
      }
      await Promise.all(Array.from({ length: 16 }, worker))
      const { instances } = await (await on(h)).instances('web')
      assert.deepEqual(instances, ids.map(web))
      await discovery.close()
    })

    it('finds nobody where nobody is', async (h) => {
      const discovery = await on(h)
      assert.deepEqual(await discovery.instances('web'), {
        instances: [],
        invalid: [],
        stale: false,
      })
      assert.equal(await discovery.resolve('web'), null)
      assert.deepEqual(await discovery.services(), { services: [], stale: false })
    })

    it('names the services that have instances', async (h) => {
      const discovery = await on(h)
      for (const service of ['web', 'db', 'a/b']) {
        await discovery.register({ ...web('1'), service })
      }
      await (await discovery.register({ ...web('1'), service: 'gone' })).deregister()
      assert.deepEqual(await (await on(h)).services(), {
        services: ['a/b', 'db', 'web'],
        stale: false,
      })
    })

    it('picks in turn, and passes over who was reported as broken', async (h) => {
      const discovery = await on(h)
      for (const id of ['1', '2', '3']) await discovery.register(web(id))
      const other = await on(h)
      const pick = async (): Promise<string | undefined> => {
        const picked = await other.resolve('web')
        if (picked?.instance.id === '2') picked.reportBroken()
        return picked?.instance.id
      }
      const picks: (string | undefined)[] = []
      for (let i = 0; i < 10; i++) picks.push(await pick())
      assert.equal(picks.join(''), '1231231313')
    })

    it('picks at random', async (h) => {
      const discovery = await on(h)
      for (const id of ['1', '2', '3']) await discovery.register(web(id))
      const seen = new Set<string | undefined>()
      await waitFor('all were picked', async () => {
        seen.add((await discovery.resolve('web', { strategy: 'random' }))?.instance.id)
        return seen.size === 3
      })
    })

    it('picks nobody any more who has deregistered', async (h) => {
      const discovery = await on(h)
      const registration = await discovery.register(web('1'))
      const other = await on(h)
      assert.equal((await other.resolve('web'))?.instance.id, '1')
      await registration.deregister()
      await waitFor('nobody is picked', async () => (await other.resolve('web')) === null)
    })

    it(
      'says so when the store cannot be reached',
      async (h) => {
        const store = await target.openUnreachable?.({ connectionTimeout: 300 })
        assert.ok(store !== undefined)
        await using _ = store
        const discovery = new Discovery(store, { prefix: h.key('services') })
        await refusal(discovery.instances('web'), 'NOT_REACHABLE')
        await refusal(discovery.services(), 'NOT_REACHABLE')
        await refusal(discovery.resolve('web'), 'NOT_REACHABLE')
        await refusal(discovery.register(web('1')), 'NOT_REACHABLE')
        await discovery.close()
      },
      target.openUnreachable === undefined ? 'the target has no openUnreachable' : undefined,
    )
  })
