import { compareKeys } from '../contract/keys.ts'
import type { KeyRange } from './driver.ts'

/** The range of all keys that start with a prefix, which is empty or ends in a slash. */
export function rangeOfPrefix(prefix: string): KeyRange {
  if (prefix === '') return { from: '' }
  // `0` is the character after the slash.
  return { from: prefix, to: `${prefix.slice(0, -1)}0` }
}

/** The range of one key. */
export function rangeOfKey(key: string): KeyRange {
  return { from: key, to: `${key}\0` }
}

/** Whether a key is in one of the ranges. */
export function isInRanges(key: string, ranges: readonly KeyRange[]): boolean {
  return ranges.some(
    ({ from, to }) => compareKeys(from, key) <= 0 && (to === undefined || compareKeys(key, to) < 0),
  )
}
