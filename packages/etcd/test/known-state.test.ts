import { knownStateCases } from '@libkv/testing/backend-cases/known-state'
import { serverOptions } from '@libkv/testing/backend-cases/server-options'
import { EtcdDriver } from '../src/etcd-driver.ts'
import { resolveEtcdOptions } from '../src/etcd-options.ts'

knownStateCases(
  'etcd',
  (addresses) => new EtcdDriver(resolveEtcdOptions({}, serverOptions('etcd', addresses))),
)
