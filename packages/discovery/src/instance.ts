import { LibkvError } from '@libkv/core'
import { anything, checkOptions } from '@libkv/core/recipe'
import type { OptionRules } from '@libkv/core/recipe'

/** Whatever else callers should know of an instance: anything that JSON can say. */
export type Metadata = Readonly<Record<string, unknown>>

/** One process that offers a service. */
export interface Instance {
  /** The service's name: any text but the empty one. */
  readonly service: string
  /** Tells the instances of a service apart: any text but the empty one. Who registers an id anew takes it over. */
  readonly id: string
  /** Where callers reach it: a host name or an IP address. */
  readonly address: string
  readonly port: number
  readonly metadata: Metadata
}

/** What `register()` takes: an {@link Instance}, for which `metadata` may be left out. */
export type NewInstance = Omit<Instance, 'metadata'> & { readonly metadata?: Metadata | undefined }

/** What can be changed of an instance while it stays registered. */
export type InstanceUpdate = Partial<Pick<Instance, 'address' | 'port' | 'metadata'>>

/** What its parts have to be is said by {@link flawOf}, which also judges what others have written. */
const instanceRules: OptionRules<NewInstance> = {
  service: anything,
  id: anything,
  address: anything,
  port: anything,
  metadata: anything,
}

/**
 * Checks an instance and gives a copy of it.
 *
 * @throws LibkvError `INVALID_OPTION`.
 */
export function checkedInstance(given: NewInstance): Instance {
  checkOptions(given, instanceRules, { prefix: 'instance.' })
  const { service, id, address, port, metadata = {} } = Object(given) as NewInstance
  checkName('service', service)
  checkName('id', id)
  const instance = { service, id, address, port, metadata: copyOf(metadata) }
  const flaw = flawOf({ address, port, metadata: instance.metadata })
  if (flaw !== undefined) throw new LibkvError('INVALID_OPTION', flaw)
  return instance
}

/** What is wrong with what should be an instance; undefined when nothing is. */
export function flawOf({
  address,
  port,
  metadata,
}: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof address !== 'string' || address === '') return 'address is not a text, or empty'
  if (!Number.isInteger(port) || (port as number) < 0 || (port as number) > 65_535) {
    return 'port is not a number between 0 and 65535'
  }
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    return 'metadata is not an object'
  }
  return undefined
}

/** @throws LibkvError `INVALID_OPTION` unless it is a text that can be a part of a key. */
export function checkName(what: string, name: unknown): asserts name is string {
  if (typeof name !== 'string' || name === '' || /\p{Cs}/u.test(name)) {
    throw new LibkvError('INVALID_OPTION', `${what} is not a text, empty, or not Unicode`)
  }
}

/** What of it others will read. */
function copyOf(metadata: Metadata): Metadata {
  try {
    return JSON.parse(JSON.stringify(metadata)) as Metadata
  } catch (cause) {
    throw new LibkvError('INVALID_OPTION', 'metadata cannot be written as JSON', { cause })
  }
}
