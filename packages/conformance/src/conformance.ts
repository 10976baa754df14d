import type { CaseGroup } from './group.ts'
import { abortCases } from './groups/abort.ts'
import { atomicCases } from './groups/atomic.ts'
import { closeCases } from './groups/close.ts'
import { diagnosticsCases } from './groups/diagnostics.ts'
import { errorCases } from './groups/errors.ts'
import { keyRefusalCases } from './groups/key-refusals.ts'
import { keyCases } from './groups/keys.ts'
import { leakCases } from './groups/leaks.ts'
import { lockLossCases } from './groups/lock-loss.ts'
import { lockSuccessorCases } from './groups/lock-successors.ts'
import { lockTokenCases } from './groups/lock-tokens.ts'
import { lockWaitingCases } from './groups/lock-waiting.ts'
import { lockCases } from './groups/locks.ts'
import { misuseCases } from './groups/misuse.ts'
import { namespaceCases } from './groups/namespaces.ts'
import { openingCases } from './groups/opening.ts'
import { optionCases } from './groups/options.ts'
import { raceCases } from './groups/races.ts'
import { readCases } from './groups/reads.ts'
import { returnedValueCases } from './groups/returned-values.ts'
import { revisionCases } from './groups/revisions.ts'
import { rootCases } from './groups/roots.ts'
import { sessionKeyCases } from './groups/session-keys.ts'
import { sessionLossCases } from './groups/session-loss.ts'
import { sessionCases } from './groups/sessions.ts'
import { timeoutCases } from './groups/timeouts.ts'
import { transactionCases, transactionSupportCases } from './groups/transactions.ts'
import { treeCases } from './groups/trees.ts'
import { ttlBoundCases } from './groups/ttl-bounds.ts'
import { ttlCases } from './groups/ttl.ts'
import { unreachableCases } from './groups/unreachable.ts'
import { updateCases } from './groups/updates.ts'
import { valueCases } from './groups/values.ts'
import { watchEndCases } from './groups/watch-ending.ts'
import { watchTreeCases } from './groups/watch-tree.ts'
import { watchCases } from './groups/watch.ts'
import { withLockCases } from './groups/with-lock.ts'
import { writeCases } from './groups/writes.ts'
import type { Runner } from './runner.ts'
import { namespaced } from './target.ts'
import type { ConformanceTarget } from './target.ts'

/** All groups, in the order in which they run. */
export const allCases: readonly CaseGroup[] = [
  openingCases,
  keyCases,
  keyRefusalCases,
  valueCases,
  revisionCases,
  readCases,
  writeCases,
  treeCases,
  rootCases,
  namespaceCases,
  atomicCases,
  raceCases,
  transactionSupportCases,
  transactionCases,
  updateCases,
  ttlBoundCases,
  ttlCases,
  sessionCases,
  sessionKeyCases,
  sessionLossCases,
  watchCases,
  watchTreeCases,
  watchEndCases,
  lockCases,
  lockWaitingCases,
  lockSuccessorCases,
  lockTokenCases,
  lockLossCases,
  withLockCases,
  errorCases,
  misuseCases,
  optionCases,
  returnedValueCases,
  abortCases,
  timeoutCases,
  closeCases,
  unreachableCases,
  diagnosticsCases,
  leakCases,
]

/**
 * Registers the whole suite: every case on a plain store, and every case once more on a store with a namespace.
 *
 * @example
 * conformance({ describe, it }, { name: 'memory', capabilities, open: (options) => memory([], options) })
 */
export function conformance(runner: Runner, target: ConformanceTarget): void {
  runner.describe(target.name, () => {
    runner.describe('plain', () => {
      for (const cases of allCases) cases(runner, target)
    })
    runner.describe('namespaced', () => {
      const within = namespaced(target)
      for (const cases of allCases) cases(runner, within)
    })
  })
}
