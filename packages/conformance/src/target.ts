import type { Capabilities, Store, StoreOptions } from '@libkv/core'

/** A backend to be tested, and how to reach it. */
export interface ConformanceTarget {
  /** What the outermost `describe` is called. */
  readonly name: string
  /** What the backend says it can do. Cases are skipped by this and by nothing else; a case compares it to the store's. */
  readonly capabilities: Capabilities
  /** Opens a store of its own on the same data each time; the options are to be handed on to the backend's factory. */
  readonly open: (options?: StoreOptions) => Store | Promise<Store>
  /**
   * Opens a store with nobody at the other end, with the given options. Without it the cases on unreachable servers
   * are skipped, and say so.
   */
  readonly openUnreachable?: ((options?: StoreOptions) => Store | Promise<Store>) | undefined
  /**
   * The directory to stay in, such as `app/`, for a user who may touch nothing else. Cases that need more are then
   * skipped where the store is not namespaced: those on the whole store and on locks.
   *
   * @default no limit
   */
  readonly prefix?: string | undefined
  /** The namespace that `open` adds. Set by {@link namespaced}. */
  readonly namespace?: string | undefined
}

/** The same target with every store in a namespace, one of its own for each call of this function. */
export function namespaced(target: ConformanceTarget): ConformanceTarget {
  const own = `conformance-${crypto.randomUUID()}`
  const namespace = target.prefix === undefined ? own : join(target.prefix, own)
  const within = (options: StoreOptions = {}): StoreOptions => ({
    ...options,
    namespace: options.namespace === undefined ? namespace : join(namespace, options.namespace),
  })
  const { openUnreachable } = target
  return {
    ...target,
    prefix: undefined,
    namespace,
    open: (options) => target.open(within(options)),
    openUnreachable: openUnreachable && ((options) => openUnreachable(within(options))),
  }
}

/** A path below another one. What is wrong with it is left to the store to say. */
export function join(directory: string, path: string): string {
  return `${directory.replace(/\/$/, '')}/${path.replace(/^\//, '')}`
}
