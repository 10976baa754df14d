import { LibkvError } from '@libkv/core'
import { kindOf } from '@libkv/core/driver'
import { CREATOR_ALL, OPEN, PERMISSION, isNodePath } from './client/index.ts'
import type { Acl, AclEntry, Auth } from './client/index.ts'

// What can be sent: the protocol has 32 bits, with a sign.
export const LONGEST_TIMEOUT: number = 2 ** 31 - 1
/** The `tickTime` whose longest session, of 20 ticks, can still be sent. */
export const LONGEST_TICK: number = Math.floor(LONGEST_TIMEOUT / 20)

/** How much of a value a message shows. */
const MOST_SHOWN = 80

type Fields = Readonly<Record<string, unknown>>

/**
 * The `chroot` without a trailing slash.
 *
 * @throws LibkvError `INVALID_OPTION`, TypeError.
 */
export function chrootOf(given: unknown = '/'): string {
  const expected = 'chroot must be an absolute path such as /app'
  if (typeof given !== 'string') throw wrongType(expected, given)
  const path = /[^/]\/$/.test(given) ? given.slice(0, -1) : given
  if (isNodePath(path)) return path
  throw invalid(
    `${expected}, without empty segments, '.', '..' and characters that ZooKeeper refuses; got ${quoted(given)}`,
  )
}

/**
 * The identities that `auth`, and `username` with `password`, stand for. Messages contain neither.
 *
 * @throws LibkvError `INVALID_OPTION`, TypeError.
 */
export function identitiesOf({ auth, username, password }: Fields): Auth[] {
  const given: readonly unknown[] = auth === undefined ? [] : Array.isArray(auth) ? auth : [auth]
  const identities = given.map(identityOf)
  if ((username === undefined) !== (password === undefined)) {
    throw invalid('username and password are needed together')
  }
  if (username !== undefined) identities.push(digest(username, password))
  return identities
}

function identityOf(given: unknown): Auth {
  const expected =
    "auth must be { scheme: 'digest', username, password } or { scheme, auth }, or an array of these"
  if (!isObject(given)) throw wrongType(expected, given)
  const { scheme, auth, username, password } = given
  if (typeof scheme !== 'string') throw wrongType(`${expected}: scheme must be a string`, scheme)
  if (scheme === '') throw invalid(`${expected}; got an empty scheme`)
  if (auth === undefined) {
    if (scheme === 'digest') return digest(username, password)
    throw invalid(`${expected}; got neither for scheme ${quoted(scheme)}`)
  }
  if (typeof auth === 'string' || auth instanceof Uint8Array) return { scheme, auth }
  throw wrongType(`${expected}: auth must be a string or a Uint8Array`, auth)
}

function digest(username: unknown, password: unknown): Auth {
  const expected = 'auth of scheme digest needs username and password as strings'
  if (username === undefined || username === '' || password === undefined) throw invalid(expected)
  if (typeof username !== 'string') throw wrongType(expected, username)
  if (typeof password !== 'string') throw wrongType(expected, password)
  if (username.includes(':')) throw invalid('username must have no colon')
  return { scheme: 'digest', auth: `${username}:${password}` }
}

/**
 * The ACL of the nodes that the store creates: `CREATOR_ALL` with an identity, else `OPEN`, unless
 * one is given.
 *
 * @throws LibkvError `INVALID_OPTION`, TypeError.
 */
export function aclOf(given: unknown, hasIdentity: boolean): Acl {
  if (given === undefined) return hasIdentity ? CREATOR_ALL : OPEN
  // Nodes that all users share are open only where this very ACL is given.
  if (given === OPEN) return OPEN
  if (!Array.isArray(given)) {
    throw wrongType('acl must be an array of { scheme, id, permissions }', given)
  }
  if (given.length === 0) throw invalid('acl is empty: nobody could use the nodes')
  return given.map(aclEntryOf)
}

function aclEntryOf(given: unknown, index: number): AclEntry {
  const name = `acl[${String(index)}]`
  if (!isObject(given)) throw wrongType(`${name} must be { scheme, id, permissions }`, given)
  const { scheme, id, permissions } = given
  if (typeof scheme !== 'string') throw wrongType(`${name}.scheme must be a string`, scheme)
  if (typeof id !== 'string') throw wrongType(`${name}.id must be a string`, id)
  const expected = `${name}.permissions must be a sum of values of PERMISSION`
  if (typeof permissions !== 'number') throw wrongType(expected, permissions)
  if (Number.isInteger(permissions) && permissions >= 1 && permissions <= PERMISSION.all) {
    return { scheme, id, permissions }
  }
  throw invalid(`${expected}, from 1 to ${String(PERMISSION.all)}; got ${String(permissions)}`)
}

function invalid(message: string): LibkvError {
  return new LibkvError('INVALID_OPTION', message, { backend: 'zookeeper' })
}

/** The error for a value of another type. It does not show the value, which may be a secret. */
function wrongType(expected: string, given: unknown): TypeError {
  return new TypeError(`${expected}; got ${kindOf(given)}`)
}

/** Text with quotes, as JSON has it, in which control characters are escaped. */
function quoted(text: string): string {
  const shown = text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text
  return JSON.stringify(shown).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null
