import { describe, it } from '@jest/globals'
import type { Store } from '@libkv/core'
import { openOn } from './backend-under-test.ts'
import type { BackendUnderTest } from './backend-under-test.ts'
import { modelTest } from './model/model-test.ts'
import { runningServers } from './running-servers.ts'

/** That many random programs, against a store and against a model of the contract in a few lines. */
export function modelCases(underTest: BackendUnderTest, runs: number): void {
  describe('a store', () => {
    const servers = runningServers(underTest.backend)

    it('does in random programs what the model of the contract does', async () => {
      let count = 0
      const open = (): Store =>
        openOn(underTest, servers(), { namespace: `model-${String(++count)}` })
      await modelTest(open, { runs })
    })
  })
}
