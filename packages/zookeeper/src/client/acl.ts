import { createHash } from 'node:crypto'

/** What an identity may be allowed, to be added up. */
export const PERMISSION = { read: 1, write: 2, create: 4, delete: 8, admin: 16, all: 31 } as const

/** Who somebody is: `{ scheme: 'world', id: 'anyone' }`, or what {@link digestIdentity} makes. */
export interface Identity {
  readonly scheme: string
  readonly id: string
}

/** What an identity may do. */
export interface AclEntry extends Identity {
  /** The sum of some {@link PERMISSION}s. */
  readonly permissions: number
}

/** Who may do what with one node; it does not extend to its children. */
export type Acl = readonly AclEntry[]

/** Everybody may do everything. */
export const OPEN: Acl = [{ permissions: PERMISSION.all, scheme: 'world', id: 'anyone' }]

/** Everybody may read, and nobody may do anything else. */
export const READ_ONLY: Acl = [{ permissions: PERMISSION.read, scheme: 'world', id: 'anyone' }]

/** Whoever creates the node may do everything, with any of the identities that were proven on the connection. */
export const CREATOR_ALL: Acl = [{ permissions: PERMISSION.all, scheme: 'auth', id: '' }]

/** The identity that `{ scheme: 'digest', auth: 'user:password' }` proves. */
export function digestIdentity(user: string, password: string): Identity {
  const digest = createHash('sha1').update(`${user}:${password}`).digest('base64')
  return { scheme: 'digest', id: `${user}:${digest}` }
}
