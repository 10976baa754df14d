import { describe, expect, it } from '@jest/globals'
import { Etcd3 } from 'etcd3'
import { countedStore } from '@libkv/testing/backend-cases/counted-store'
import { lostAnswerCases } from '@libkv/testing/backend-cases/lost-answers'
import { etcdUnderTest } from './etcd-under-test.ts'

const TXN = '/etcdserverpb.KV/Txn'
const RANGE = '/etcdserverpb.KV/Range'

/** etcd3 as it comes repeats each of these writes, and then reports what its own first attempt did as somebody else's. */
describe('etcd', () => {
  const counted = countedStore(etcdUnderTest)

  lostAnswerCases(etcdUnderTest, counted, {
    create: TXN,
    put: '/etcdserverpb.KV/Put',
    delete: '/etcdserverpb.KV/DeleteRange',
    get: RANGE,
    lock: ['/etcdserverpb.Lease/LeaseGrant', TXN, RANGE],
  })

  it('has a create repeated by etcd3 as it comes, which then reports a conflict with itself', async () => {
    const { counter } = counted
    const raw = new Etcd3({ hosts: [counter.endpoint] })
    try {
      await raw.get('warm').exists()
      counter.loseNextAnswer(TXN)
      const reply = await raw
        .if('control', 'Create', '==', 0)
        .then(raw.put('control').value('mine'))
        .commit()
      expect(reply.succeeded).toBe(false)
      expect(await raw.get('control').string()).toBe('mine')
    } finally {
      raw.close()
    }
  })
})
