import { describe } from '@jest/globals'
import { proxiedStore } from '@libkv/testing/backend-cases/proxied-store'
import { etcdUnderTest } from './etcd-under-test.ts'
import { watchBehindCase } from './watch-behind.ts'

describe('a watch on etcd', () => {
  watchBehindCase(proxiedStore(etcdUnderTest), 20_000)
})
