import { describe } from '@jest/globals'
import { conformance } from '@libkv/conformance'
import type { ServerOptions } from '../servers/index.ts'
import { openOn } from './backend-under-test.ts'
import type { BackendUnderTest } from './backend-under-test.ts'
import { runningServers } from './running-servers.ts'
import { runnerOf, whole } from './suite-parts.ts'
import type { SuitePart } from './suite-parts.ts'

/** Runs the conformance suite, or a part of it, on servers of that kind. */
export function conformanceOn(
  underTest: BackendUnderTest,
  options: ServerOptions = {},
  part: SuitePart = whole,
): void {
  const { backend, capabilities, openAt } = underTest
  const { nodes = 1, security = 'plain' } = options
  const cluster = nodes === 1 ? 'one server' : 'a cluster of three'
  describe(`${backend}, ${cluster}, ${security}`, () => {
    const servers = runningServers(backend, options)
    conformance(runnerOf(part), {
      name: 'conformance',
      capabilities,
      open: (storeOptions) => openOn(underTest, servers(), storeOptions),
      openUnreachable: (storeOptions) => openAt(['127.0.0.1:1'], storeOptions),
      // All that the credentials of the access control are good for.
      ...(security === 'auth' && { prefix: 'app/' }),
    })
  })
}
