import { knownStateCases } from '@libkv/testing/backend-cases/known-state'
import { serverOptions } from '@libkv/testing/backend-cases/server-options'
import { ConsulDriver } from '../src/consul-driver.ts'
import { resolveConsulOptions } from '../src/consul-options.ts'

knownStateCases(
  'consul',
  (addresses) => new ConsulDriver(resolveConsulOptions({}, serverOptions('consul', addresses))),
)
