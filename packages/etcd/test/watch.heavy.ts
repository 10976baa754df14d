import { describe } from '@jest/globals'
import { proxiedStore } from '../../../tooling/backend-cases/proxied-store.ts'
import { etcdUnderTest } from './etcd-under-test.ts'
import { watchBehindCase } from './watch-behind.ts'

describe('a watch on etcd', () => {
  watchBehindCase(proxiedStore(etcdUnderTest), 20_000)
})
