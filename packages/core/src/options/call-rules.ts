import { abortSignal, anything, milliseconds, oneOf, wrongType } from './option-rules.ts'
import type { OptionRule, OptionRules } from './option-rules.ts'
import type { CallOptions, ReadOptions } from '../contract/call-options.ts'
import type { LockOptions, UnlockOptions } from '../contract/lock.ts'
import type { SessionOptions, WriteOptions } from '../contract/session.ts'

/** A number, or `'shortest'`; the bounds are the store's. */
export const ttlRule: OptionRule = {
  check: (value, name) => {
    if (typeof value === 'number' || typeof value === 'string') return undefined
    throw wrongType(name, "a number of milliseconds or 'shortest'", value)
  },
}

const successor: OptionRule = {
  check: (value, name) => {
    if (typeof (Object(value) as { id?: unknown }).id === 'string') return undefined
    throw wrongType(name, 'one of the contenders', value)
  },
}

export const callRules: OptionRules<CallOptions> = { signal: abortSignal, timeout: milliseconds() }

export const readRules: OptionRules<ReadOptions> = {
  ...callRules,
  consistency: oneOf('linearizable', 'stale'),
}

// Sessions and values are checked where they are used.
export const writeRules: OptionRules<WriteOptions> = {
  ...callRules,
  ttl: ttlRule,
  session: anything,
}

export const sessionRules: OptionRules<SessionOptions> = { ...callRules, ttl: ttlRule }

export const lockRules: OptionRules<LockOptions> = {
  ttl: ttlRule,
  value: anything,
  session: anything,
}

export const unlockRules: OptionRules<UnlockOptions> = { successor }
