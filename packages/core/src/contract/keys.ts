import { LibkvError, escapeControls } from './errors.ts'
import { wrongType } from '../options/option-rules.ts'

/** The longest key, in bytes of UTF-8, namespace not counted. */
export const MAX_KEY_BYTES = 1024

/** The first segment of the library's own keys in each namespace. Stores refuse keys below it. */
export const RESERVED_SEGMENT = '.libkv'

// Control characters (C0, DEL, C1), and segments that are empty, `.` or `..`.
// eslint-disable-next-line no-control-regex -- these are the characters to refuse
const refused = /[\u0000-\u001f\u007f-\u009f]|^\/|\/\/|\/$|(?:^|\/)\.\.?(?:\/|$)/
const plain = /^[\u0020-\u007e]*$/
const loneSurrogate = /\p{Cs}/u

/**
 * Checks a key and gives its canonical form, without outer slashes.
 *
 * @throws TypeError if it is no string. LibkvError `INVALID_KEY` if it is no key.
 */
export function canonicalKey(key: string, backend?: string): string {
  const canonical = canonicalPath(key, backend)
  if (canonical === '') throw invalid(key, 'is empty', backend)
  return canonical
}

/** As {@link canonicalKey}, but `''` and `'/'` name the whole store. */
export function canonicalDirectory(directory: string, backend?: string): string {
  return directory === '' || directory === '/' ? '' : canonicalKey(directory, backend)
}

/**
 * Checks a namespace and gives its canonical form. The reserved segment may be nowhere in it, lest a store lie inside the
 * reserved part of another one.
 *
 * @throws TypeError if it is no string. LibkvError `INVALID_KEY` if it is no key.
 */
export function canonicalNamespace(namespace: string, backend: string): string {
  const canonical = canonicalDirectory(namespace, backend)
  if (!canonical.split('/').includes(RESERVED_SEGMENT)) return canonical
  throw invalid(namespace, `has the reserved segment '${RESERVED_SEGMENT}'`, backend)
}

function canonicalPath(key: string, backend: string | undefined): string {
  if (typeof key !== 'string') throw wrongType('a key', 'a string', key)
  const start = key.startsWith('/') ? 1 : 0
  const end = key.length > start && key.endsWith('/') ? key.length - 1 : key.length
  const path = start === 0 && end === key.length ? key : key.slice(start, end)
  if (refused.test(path)) throw invalid(key, reasonToRefuse(path), backend)
  const isPlain = plain.test(path)
  if (!isPlain && loneSurrogate.test(path)) throw invalid(key, 'has a lone surrogate', backend)
  if ((isPlain ? path.length : Buffer.byteLength(path)) > MAX_KEY_BYTES) {
    throw invalid(key, `is over ${String(MAX_KEY_BYTES)} bytes`, backend)
  }
  if (path === RESERVED_SEGMENT || path.startsWith(`${RESERVED_SEGMENT}/`)) {
    throw invalid(key, `begins with the reserved segment '${RESERVED_SEGMENT}'`, backend)
  }
  return path
}

function reasonToRefuse(path: string): string {
  const segments = path.split('/')
  if (segments.includes('')) return 'has an empty segment'
  if (segments.includes('.') || segments.includes('..')) return "has a segment '.' or '..'"
  return 'has a control character'
}

/** A key as messages show it: in quotes, in one line, and not longer than a line. */
export const shownKey = (key: string): string =>
  `'${escapeControls(key.length > 80 ? `${key.slice(0, 80)}…` : key)}'`

function invalid(key: string, reason: string, backend: string | undefined): LibkvError {
  return new LibkvError('INVALID_KEY', `key ${shownKey(key)} ${reason}`, { key, backend })
}

/**
 * Whether a key found in the store is one that this library would accept, so that it can be shown: others may have
 * written what is none, such as a key with a leading slash.
 */
export function isCanonicalKey(key: string): boolean {
  return (
    key !== '' &&
    !refused.test(key) &&
    key !== RESERVED_SEGMENT &&
    !key.startsWith(`${RESERVED_SEGMENT}/`) &&
    (plain.test(key) || !loneSurrogate.test(key))
  )
}

/** Compares two keys by their bytes in UTF-8, which is by code point. UTF-16 order differs above U+D7FF. */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    // A surrogate stands for a code point above all of the others.
    if (x !== y) return (isSurrogate(x) ? x + 0x10000 : x) - (isSurrogate(y) ? y + 0x10000 : y)
  }
  return a.length - b.length
}

const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff
