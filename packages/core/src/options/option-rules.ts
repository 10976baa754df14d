import { LibkvError } from '../contract/errors.ts'
import { nearestName } from './nearest-name.ts'

/** How one option is checked, and how it is read from a URL. */
export interface OptionRule {
  /**
   * Checks a value that is not undefined.
   *
   * @returns what is wrong with the value, for an `INVALID_OPTION`; undefined when nothing is.
   * @throws TypeError for a value of the wrong JavaScript type.
   */
  readonly check: (value: unknown, name: string) => string | undefined
  /**
   * Reads the text of a URL's parameter; the result is checked like any other value. Without it, a URL cannot set the
   * option.
   */
  readonly read?: (text: string, name: string) => unknown
}

/** The rules of all options of one interface: a new option without a rule does not compile. */
export type OptionRules<O> = { readonly [K in keyof O]-?: OptionRule }

/** What a value is, for a sentence such as "must be a string; got a number". Never the value itself: it may be a secret. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'an array'
  if (typeof value !== 'object') return `a ${typeof value}`
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name
  if (typeof name !== 'string' || name === '' || name === 'Object') return 'an object'
  return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`
}

/** A TypeError that says what was expected. */
export const wrongType = (name: string, expected: string, value: unknown): TypeError =>
  new TypeError(`${name} must be ${expected}; got ${kindOf(value)}`)

/**
 * Checks the names and the values of options.
 *
 * @param what - what takes the options, for the messages: `'put'`, `'a store'`.
 * @throws TypeError when the options are not an object, or one has the wrong type. LibkvError `INVALID_OPTION` for an
 * unknown name, naming the nearest known one, and for a bad value.
 */
export function checkOptions(
  options: unknown,
  rules: Readonly<Record<string, OptionRule>>,
  {
    backend,
    prefix = '',
  }: { readonly backend?: string | undefined; readonly prefix?: string } = {},
): void {
  if (options === undefined) return
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw wrongType(prefix === '' ? 'options' : prefix.slice(0, -1), 'an object', options)
  }
  // Inherited options count, so `for … in`.
  for (const name in options) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (rule === undefined)
      throw unknownName('option', name, Object.keys(rules), { backend, prefix })
    const value = (options as Record<string, unknown>)[name]
    if (value === undefined) continue
    const flaw = rule.check(value, prefix + name)
    if (flaw !== undefined) throw new LibkvError('INVALID_OPTION', flaw, { backend })
  }
}

/** The error for a name that is not known. */
export function unknownName(
  what: 'option' | 'parameter',
  name: string,
  known: readonly string[],
  {
    backend,
    prefix = '',
  }: { readonly backend?: string | undefined; readonly prefix?: string } = {},
): LibkvError {
  const nearest = nearestName(name, known)
  const hint =
    nearest === undefined
      ? `known: ${known.map((each) => prefix + each).join(', ')}`
      : `did you mean '${prefix}${nearest}'?`
  // Whoever puts a secret where a name belongs does not find it in the logs.
  const shown = /^[\w.$-]{1,40}$/.test(name) ? ` '${prefix}${name}'` : ''
  return new LibkvError('INVALID_OPTION', `unknown ${what}${shown} (${hint})`, { backend })
}

/** Text, of which a flaw can be found. */
export function text(flawOf?: (value: string, name: string) => string | undefined): OptionRule {
  return {
    check: (value, name) => {
      if (typeof value !== 'string') throw wrongType(name, 'a string', value)
      return flawOf?.(value, name)
    },
    read: (given) => given,
  }
}

const words: Readonly<Record<string, boolean>> = {
  ...{ true: true, yes: true, on: true, '1': true },
  ...{ false: false, no: false, off: false, '0': false },
}

/** What a URL's parameter means that says yes or no; undefined when it says neither. */
export const readBoolean = (given: string): boolean | undefined =>
  Object.hasOwn(words, given.toLowerCase()) ? words[given.toLowerCase()] : undefined

/** `true` or `false`. */
export const boolean: OptionRule = {
  check: (value, name) => {
    if (typeof value !== 'boolean') throw wrongType(name, 'true or false', value)
    return undefined
  },
  read: (given, name) => {
    const value = readBoolean(given)
    if (value !== undefined) return value
    throw new LibkvError('INVALID_OPTION', `${name} must be 'true' or 'false' in a URL`)
  },
}

/** One of some words. */
export function oneOf(...choices: readonly string[]): OptionRule {
  const expected = choices.map((choice) => `'${choice}'`).join(' or ')
  return {
    check: (value, name) => {
      if (typeof value !== 'string') throw wrongType(name, expected, value)
      return choices.includes(value)
        ? undefined
        : `${name} is '${clipped(value)}'; it must be ${expected}`
    },
    read: (given) => given,
  }
}

const clipped = (value: string): string => (value.length > 40 ? `${value.slice(0, 40)}…` : value)

/** A number within bounds; `unit` is a plural such as 'milliseconds'. */
export function number(
  unit: string,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): OptionRule {
  return {
    check: (value, name) => {
      if (typeof value !== 'number') throw wrongType(name, `a number of ${unit}`, value)
      if (value >= min && value <= max) return undefined
      const bounds =
        max === Number.MAX_SAFE_INTEGER
          ? `at least ${String(min)}`
          : `between ${String(min)} and ${String(max)}`
      return `${name} is ${String(value)}; it must be a number of ${unit}, ${bounds}`
    },
    read: (given) => (given.trim() === '' ? Number.NaN : Number(given)),
  }
}

/** A duration in milliseconds. */
export const milliseconds = (min = 1, max?: number): OptionRule => number('milliseconds', min, max)

/** Something that is checked where it is used. */
export const anything: OptionRule = { check: () => undefined }

/** A function. */
export const callback: OptionRule = {
  check: (value, name) => {
    if (typeof value !== 'function') throw wrongType(name, 'a function', value)
    return undefined
  },
}

/** An `AbortSignal`, of any realm. */
export const abortSignal: OptionRule = {
  check: (value, name) => {
    const { aborted, addEventListener, signal } = Object(value) as Partial<AbortSignal> & {
      signal?: unknown
    }
    if (typeof aborted === 'boolean' && typeof addEventListener === 'function') return undefined
    const hint = signal === undefined ? '' : '; pass its signal'
    throw new TypeError(`${name} must be an AbortSignal; got ${kindOf(value)}${hint}`)
  },
}
