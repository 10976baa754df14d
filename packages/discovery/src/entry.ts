import type { KVPair } from '@libkv/core'
import { flawOf } from './instance.ts'
import type { Instance } from './instance.ts'
import { nameOf, segmentOf } from './segments.ts'

/** What the store holds about one instance, under `<prefix>/<service>/<id>`. */
export type Entry =
  | {
      readonly type: 'instance'
      readonly instance: Instance
      /** Who wrote it: one call of `register()`. Undefined for what other programs have written. */
      readonly registration: string | undefined
      /** The take-over time, in milliseconds, if it goes by itself. */
      readonly ttl: number | undefined
    }
  /**
   * The instance was deregistered. A deletion would look like an expiry, which after an outage means nothing; so this takes
   * the entry's place for a while.
   */
  | { readonly type: 'deregistered'; readonly registration: string }
  | { readonly type: 'invalid'; readonly reason: string }

export const keyOf = (prefix: string, service: string, id: string): string =>
  `${directoryOf(prefix, service)}/${segmentOf(id)}`

export const directoryOf = (prefix: string, service: string): string =>
  `${prefix}/${segmentOf(service)}`

export function textOfInstance(
  { address, port, metadata }: Instance,
  registration: string,
  ttl: number,
): string {
  return JSON.stringify({ address, port, metadata, ttl, registration })
}

export function textOfDeregistered(registration: string): string {
  return JSON.stringify({ deregistered: true, registration })
}

/** What an entry says, whoever wrote it. */
export function readEntry(prefix: string, pair: KVPair): Entry {
  const [service, id, ...more] = pair.key
    .slice(prefix.length + 1)
    .split('/')
    .map(nameOf)
  if (service === undefined || id === undefined || more.length > 0) {
    return invalid('the key is not <prefix>/<service>/<id>')
  }
  let value: unknown
  try {
    value = JSON.parse(pair.text())
  } catch {
    return invalid('the value is not JSON')
  }
  if (typeof value !== 'object' || value === null) return invalid('the value is not an object')
  const { metadata = {}, registration, ttl, ...rest } = value as Readonly<Record<string, unknown>>
  if (rest['deregistered'] === true && typeof registration === 'string') {
    return { type: 'deregistered', registration }
  }
  const flaw = flawOf({ ...rest, metadata })
  if (flaw !== undefined) return invalid(flaw)
  const { address, port } = rest as Pick<Instance, 'address' | 'port'>
  return {
    type: 'instance',
    instance: { service, id, address, port, metadata: metadata as Instance['metadata'] },
    registration: typeof registration === 'string' ? registration : undefined,
    ttl: typeof ttl === 'number' && ttl > 0 ? ttl : undefined,
  }
}

const invalid = (reason: string): Entry => ({ type: 'invalid', reason })
