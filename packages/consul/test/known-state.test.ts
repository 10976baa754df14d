import { knownStateCases } from '../../../tooling/backend-cases/known-state.ts'
import { ConsulDriver } from '../src/consul-driver.ts'
import { resolveConsulOptions } from '../src/consul-options.ts'

knownStateCases('consul', (addresses) => new ConsulDriver(resolveConsulOptions(addresses, {})))
