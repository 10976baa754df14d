// For authors of recipes, such as elections: what they need beside the Store.
export {
  LinkedAbortController,
  abortable,
  onAbort,
  sharedController,
  sleep,
  throwIfAborted,
} from './calls/abort.ts'
export { backoff } from './calls/backoff.ts'
export { asyncDispose } from './calls/dispose.ts'
export { runtimeRule, systemRuntime } from './contract/runtime.ts'
export { checkTtl } from './contract/ttl.ts'
export { callRules, ttlRule, writeRules } from './options/call-rules.ts'
export {
  abortSignal,
  anything,
  boolean,
  callback,
  checkOptions,
  kindOf,
  milliseconds,
  number,
  oneOf,
  text,
  wrongType,
} from './options/option-rules.ts'
export type { OptionRule, OptionRules } from './options/option-rules.ts'
