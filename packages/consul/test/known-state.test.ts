import { knownStateCases } from '../../../tooling/backend-cases/known-state.ts'
import { serverOptions } from '../../../tooling/backend-cases/server-options.ts'
import { ConsulDriver } from '../src/consul-driver.ts'
import { resolveConsulOptions } from '../src/consul-options.ts'

knownStateCases(
  'consul',
  (addresses) => new ConsulDriver(resolveConsulOptions({}, serverOptions('consul', addresses))),
)
