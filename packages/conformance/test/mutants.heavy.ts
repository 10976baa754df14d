import assert from 'node:assert/strict'
import { describe, it } from '@jest/globals'
import { memory } from '@libkv/memory'
import * as suite from '../src/index.ts'
import type { CaseGroup, ConformanceTarget } from '../src/index.ts'
import { waits } from '../src/wait-for.ts'
import * as brokenLocks from './broken-locks.ts'
import * as brokenStores from './broken-stores.ts'
import type { Breakage } from './broken-stores.ts'
import { casesOf } from './collecting-runner.ts'

const breakages = { ...brokenStores, ...brokenLocks }

/** What is wrong with a store, and the case that finds it. */
const mutants: readonly (readonly [keyof typeof breakages, CaseGroup, string])[] = [
  // First, while no case of another group has timers running.
  ['leaksTimers', suite.leakCases, 'has none after reading and writing'],
  ['listsSiblings', suite.treeCases, "does not see the sibling 'tree-x/a'"],
  ['listsOneLevel', suite.treeCases, 'sees descendants at any depth'],
  ['listsInUtf16Order', suite.treeCases, 'lists characters above U+FFFF after those below'],
  ['listsRelativeKeys', suite.keyCases, 'returns full keys from a nested directory'],
  ['showsParents', suite.keyCases, 'does not show an implicit parent'],
  ['composesKeys', suite.keyCases, 'tells composed from decomposed characters'],
  ['truncates', suite.valueCases, 'stores exactly MAX_VALUE_BYTES bytes'],
  ['storesText', suite.valueCases, 'returns all 256 bytes as they were written'],
  ['dropsEqualBytes', suite.revisionCases, 'grows also when the bytes are the same'],
  ['readsFromACache', suite.readCases, 'reads at once what another store has written'],
  ['alwaysDeletes', suite.writeCases, 'says that there was nothing to delete'],
  ['deletesSiblings', suite.treeCases, 'deletes no siblings of a tree'],
  ['ignoresPrevious', suite.atomicCases, 'does not replace what was written since'],
  ['comparesValues', suite.atomicCases, 'does not replace what was deleted and created again'],
  ['readsThenWrites', suite.raceCases, 'lets one of several creators win'],
  ['transactsInSteps', suite.transactionCases, 'writes nothing when one check does not hold'],
  ['neverExpires', suite.ttlCases, 'lets a key that put creates live its time and no longer'],
  ['expiresEarly', suite.ttlCases, 'lets a key that put creates live its time and no longer'],
  ['expiresLate', suite.ttlCases, 'lets a key that put creates live its time and no longer'],
  [
    'keepsItsTtl',
    suite.ttlCases,
    'makes a key permanent when put writes it without a time to live',
  ],
  ['keepsSessionKeys', suite.sessionKeyCases, 'takes its keys along when it is closed'],
  [
    'believesForEver',
    suite.sessionLossCases,
    'is not believed in when another could have its keys',
  ],
  ['watchesOnce', suite.watchCases, 'yields the current value first, then each change'],
  ['showsTheDead', suite.watchCases, 'yields the birth, the death and the rebirth of a key'],
  [
    'repeatsStates',
    suite.watchCases,
    'merges what a slow reader misses, and yields the last state',
  ],
  ['watchesSiblings', suite.watchTreeCases, 'does not see siblings, nor the key named as the tree'],
  ['forgetsPrevious', suite.watchTreeCases, 'yields a change with the state before'],
  ['ignoresAborts', suite.abortCases, 'get rejects with a reason that is no error'],
  ['wrapsAborts', suite.abortCases, 'get rejects with the reason of a signal that fired before'],
  ['answersWhenClosed', suite.closeCases, 'get is refused afterwards'],
  ['locksForAll', suite.lockWaitingCases, 'lets one in at a time, however many come'],
  ['locksWithoutOrder', suite.lockWaitingCases, 'serves first who came first'],
  ['repeatsTokens', suite.lockTokenCases, 'grow over the holders of one locker'],
  ['hidesTokens', suite.lockTokenCases, 'are what everyone can read: when the key was made'],
  [
    'ignoresSuccessors',
    suite.lockSuccessorCases,
    'lets the named successor go first, and keeps its order otherwise',
  ],
  [
    'reversesContenders',
    suite.lockSuccessorCases,
    'shows all who hold or wait, in the order of their turns',
  ],
  ['doesNotNoticeLoss', suite.lockLossCases, 'is known at once after the event loop was blocked'],
]

function targetWith(breakage: Breakage): ConformanceTarget {
  return {
    name: 'a broken store',
    capabilities: memory().capabilities,
    open: (options) => brokenStores.breakStore(memory(['mutants'], options), breakage),
  }
}

async function runCase(group: CaseGroup, name: string, breakage: Breakage): Promise<void> {
  const found = casesOf(group, targetWith(breakage)).find((one) => one.name === name)
  assert.ok(found !== undefined, `there is no case '${name}'`)
  await found.run()
}

describe('the suite', () => {
  for (const [breakage, group, name] of mutants) {
    it(`finds with '${name}' that a store ${inWords(breakage)}`, async () => {
      await runCase(group, name, () => ({}))
      const { timeout } = waits
      waits.timeout = 2_000
      try {
        await assert.rejects(runCase(group, name, breakages[breakage] as Breakage))
      } finally {
        waits.timeout = timeout
      }
    })
  }
})

function inWords(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}
