export { allCases, conformance } from './conformance.ts'
export { discoveryConformance } from './discovery-conformance.ts'
export type {
  DiscoveryRecipe,
  DiscoverySettings,
  InstanceChange,
  InstanceList,
  NewInstance,
  TestedDiscovery,
  TestedInstance,
  TestedRegistration,
} from './discovery-recipe.ts'
export { leadershipConformance } from './leadership-conformance.ts'
export type {
  CandidateInfo,
  CandidateSettings,
  LeadershipRecipe,
  Signalled,
  TestedCandidate,
  TestedFencedStore,
  TestedFollower,
  TestedLeader,
  TestedTerm,
} from './leadership-recipe.ts'
export { namespaced } from './target.ts'
export type { ConformanceTarget } from './target.ts'
export type { RegisterCase, Runner } from './runner.ts'
export type { CaseGroup } from './group.ts'

// Each group by itself, for those who want some of them.
export { abortCases } from './groups/abort.ts'
export { atomicCases } from './groups/atomic.ts'
export { closeCases } from './groups/close.ts'
export { diagnosticsCases } from './groups/diagnostics.ts'
export { errorCases } from './groups/errors.ts'
export { keyRefusalCases } from './groups/key-refusals.ts'
export { keyCases } from './groups/keys.ts'
export { leakCases } from './groups/leaks.ts'
export { lockLossCases } from './groups/lock-loss.ts'
export { lockSuccessorCases } from './groups/lock-successors.ts'
export { lockTokenCases } from './groups/lock-tokens.ts'
export { lockWaitingCases } from './groups/lock-waiting.ts'
export { lockCases } from './groups/locks.ts'
export { misuseCases } from './groups/misuse.ts'
export { namespaceCases } from './groups/namespaces.ts'
export { openingCases } from './groups/opening.ts'
export { optionCases } from './groups/options.ts'
export { raceCases } from './groups/races.ts'
export { readCases } from './groups/reads.ts'
export { returnedValueCases } from './groups/returned-values.ts'
export { revisionCases } from './groups/revisions.ts'
export { rootCases } from './groups/roots.ts'
export { sessionKeyCases } from './groups/session-keys.ts'
export { sessionLossCases } from './groups/session-loss.ts'
export { sessionCases } from './groups/sessions.ts'
export { timeoutCases } from './groups/timeouts.ts'
export { transactionCases, transactionSupportCases } from './groups/transactions.ts'
export { treeCases } from './groups/trees.ts'
export { ttlBoundCases } from './groups/ttl-bounds.ts'
export { ttlCases } from './groups/ttl.ts'
export { unreachableCases } from './groups/unreachable.ts'
export { updateCases } from './groups/updates.ts'
export { valueCases } from './groups/values.ts'
export { watchEndCases } from './groups/watch-ending.ts'
export { watchTreeCases } from './groups/watch-tree.ts'
export { watchCases } from './groups/watch.ts'
export { withLockCases } from './groups/with-lock.ts'
export { writeCases } from './groups/writes.ts'
