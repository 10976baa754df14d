import { describe, it } from '@jest/globals'
import { lockQueueDirectory } from '@libkv/core/driver'
import { waitFor } from '@libkv/testing'
import { countedStore } from '@libkv/testing/backend-cases/counted-store'
import { lostAnswerCases } from '@libkv/testing/backend-cases/lost-answers'
import { consulUnderTest } from './consul-under-test.ts'
import { sessionsOf } from './support.ts'

const TXN = 'PUT /v1/txn'
const SESSION = 'PUT /v1/session/create'

describe('Consul', () => {
  const counted = countedStore(consulUnderTest)

  lostAnswerCases(consulUnderTest, counted, {
    create: TXN,
    put: TXN,
    delete: TXN,
    get: 'GET /v1/kv/read',
    lock: [SESSION, TXN, `GET /v1/kv/${lockQueueDirectory('lock')}/`],
  })

  it('has no session left whose id nobody has learnt', async () => {
    const { kv, servers, counter } = counted
    const before = await sessionsOf(servers)
    counter.loseNextAnswer(SESSION)
    const session = await kv.session({ ttl: 60_000 })
    await waitFor(async () => (await sessionsOf(servers)).length === before.length + 1, {
      what: 'the lost session to be destroyed',
    })
    await session.close()
  })
})
