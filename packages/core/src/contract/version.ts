import { LibkvError } from './errors.ts'
import { wrongType } from '../options/option-rules.ts'

/**
 * What compare-and-set needs of a pair. A {@link KVPair} is one, and so is what its `toJSON()` returns: revisions may be
 * decimal strings, so that an ETag or a form can carry them.
 */
export interface Version {
  readonly key: string
  readonly revision: bigint | string
  readonly createRevision: bigint | string
}

/** A version, checked. */
export interface CheckedVersion {
  readonly revision: bigint
  readonly createRevision: bigint
}

/** Revisions are positive 64-bit integers on all backends. */
const HIGHEST = 2n ** 63n - 1n

/**
 * Checks a version that a caller hands back.
 *
 * @param name - the key that it has to be of, in its canonical form.
 * @throws TypeError when it is none. LibkvError `INVALID_OPTION` when it is of another key, or out of range.
 */
export function checkVersion(version: unknown, name: string, backend: string): CheckedVersion {
  const { key, revision, createRevision } = Object(version) as Partial<Version>
  const checked = {
    revision: revisionOf(revision, 'revision', version, backend),
    createRevision: revisionOf(createRevision, 'createRevision', version, backend),
  }
  if (typeof key !== 'string') throw wrongType('key of a version', 'a string', key)
  if (key !== name && key.replace(/^\/|\/$/g, '') !== name) {
    throw invalid(`the version is that of key '${key}', not of '${name}'`, backend)
  }
  if (checked.createRevision > checked.revision) {
    throw invalid('the version has a createRevision after its revision', backend)
  }
  return checked
}

function revisionOf(value: unknown, name: string, version: unknown, backend: string): bigint {
  if (typeof value !== 'bigint' && typeof value !== 'string') {
    const expected = 'a version { key, revision, createRevision }, as get() and put() return it'
    if (typeof version !== 'object' || version === null)
      throw wrongType('previous', expected, version)
    throw wrongType(`${name} of a version`, 'a bigint or a decimal string', value)
  }
  if (typeof value === 'string' && !/^[0-9]{1,19}$/.test(value)) {
    throw invalid(
      `${name} of a version must be a decimal number from 1 to ${String(HIGHEST)}`,
      backend,
    )
  }
  const revision = BigInt(value)
  if (revision >= 1n && revision <= HIGHEST) return revision
  throw invalid(
    `${name} of a version is out of range; it must be from 1 to ${String(HIGHEST)}`,
    backend,
  )
}

const invalid = (message: string, backend: string): LibkvError =>
  new LibkvError('INVALID_OPTION', message, { backend })
