import type { Check, Write } from '@libkv/core/driver'
import type { NodeData, Stat } from './client/index.ts'
import { pathOf } from './zookeeper-paths.ts'

/** A key that a commit checks or writes, and the state of its node once that was read. */
export class TouchedKey {
  readonly key: string
  readonly path: string
  readonly checks: readonly Check[]
  readonly write: Write | undefined
  /** Its node; null where there is none. */
  stat: Stat | null = null
  /** Whether the node is a key, and not a directory node. */
  isKey = false
  /** The node's data, where it was read. */
  data: Uint8Array | undefined
  /** The creation record beside the node; null where there is none or it was not read. */
  record: NodeData | null = null
  /** The create revision, where it is needed and is not that of the node. */
  createRevision: bigint | undefined
  /** The directories above the node that are missing, the nearest first. */
  missing: readonly string[] = []
  /** The nearest existing node above, if it is ephemeral: it cannot have children. */
  ephemeralAbove: { readonly path: string; readonly stat: Stat } | undefined

  constructor(key: string, checks: readonly Check[], write: Write | undefined) {
    this.key = key
    this.path = pathOf(key)
    this.checks = checks
    this.write = write
  }

  /** The expected state; null without a check, or if a check expects absence. */
  get expected(): Check['expected'] {
    if (this.checks.some(({ expected }) => expected === null)) return null
    return this.checks[0]?.expected ?? null
  }
}

export type Put = Extract<Write, { readonly type: 'put' }>

/** The keys of a commit, each once. */
export function touchedKeys(checks: readonly Check[], writes: readonly Write[]): TouchedKey[] {
  const keys = new Set([...checks, ...writes].map(({ key }) => key))
  return [...keys].map((key) => {
    const own = checks.filter((check) => check.key === key)
    return new TouchedKey(
      key,
      own,
      writes.find((write) => write.key === key),
    )
  })
}
