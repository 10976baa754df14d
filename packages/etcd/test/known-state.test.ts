import { knownStateCases } from '../../../tooling/backend-cases/known-state.ts'
import { serverOptions } from '../../../tooling/backend-cases/server-options.ts'
import { EtcdDriver } from '../src/etcd-driver.ts'
import { resolveEtcdOptions } from '../src/etcd-options.ts'

knownStateCases(
  'etcd',
  (addresses) => new EtcdDriver(resolveEtcdOptions({}, serverOptions('etcd', addresses))),
)
