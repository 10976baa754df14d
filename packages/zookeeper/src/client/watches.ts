import type { WatchEvent, WatchListener } from './watch-event.ts'

/** What the server tells a watch apart by. A `data` watch is of a node that exists, an `exist` watch of one that does not. */
export type WatchKind = 'data' | 'exist' | 'child' | 'persistent' | 'persistentRecursive'

/** A watch that was asked for, and which the server has not confirmed. */
export interface Arming {
  readonly path: string
  readonly listener: WatchListener
  /** What happened before the confirmation came: a server may send the two in either order. */
  early: WatchEvent[]
}

type Listeners = Map<string, Set<WatchListener>>

/** What each type of event concerns, as in org.apache.zookeeper.ZKWatchManager. */
const CONCERNS: Readonly<Record<WatchEvent['type'], readonly WatchKind[]>> = {
  created: ['data', 'exist', 'persistent'],
  deleted: ['data', 'exist', 'child', 'persistent'],
  changed: ['data', 'exist', 'persistent'],
  childrenChanged: ['child', 'persistent'],
}

/** The watches of a session: who is to hear of what. */
export class Watches {
  readonly #listeners: Readonly<Record<WatchKind, Listeners>> = {
    data: new Map(),
    exist: new Map(),
    child: new Map(),
    persistent: new Map(),
    persistentRecursive: new Map(),
  }
  readonly #arming = new Map<string, Set<Arming>>()

  /** To be called when a watch is asked for. */
  begin(path: string, listener: WatchListener): Arming {
    const arming = { path, listener, early: [] }
    getOrAdd(this.#arming, path).add(arming)
    return arming
  }

  /** The server has confirmed the watch. */
  confirm(arming: Arming, kind: WatchKind): void {
    this.drop(arming)
    const { path, listener, early } = arming
    const concerning = early.filter(({ type }) => concerns(type, kind))
    const [first] = concerning
    if (first !== undefined && !isPersistent(kind)) {
      notify(listener, first)
      return
    }
    getOrAdd(this.#listeners[kind], path).add(listener)
    for (const event of concerning) notify(listener, event)
  }

  /** The server will not confirm the watch, or nobody waits for it any more. */
  drop(arming: Arming): void {
    removeFrom(this.#arming, arming.path, arming)
  }

  /** Tells everybody whom the event concerns. */
  dispatch(event: WatchEvent): void {
    const { type, path } = event
    for (const arming of this.#arming.get(path) ?? []) arming.early.push(event)
    // A function that listens twice hears it once.
    const concerned = new Set<WatchListener>()
    for (const kind of CONCERNS[type]) {
      for (const listener of this.#listeners[kind].get(path) ?? []) concerned.add(listener)
      if (!isPersistent(kind)) this.#listeners[kind].delete(path)
    }
    if (type !== 'childrenChanged' && this.#listeners.persistentRecursive.size > 0) {
      for (const above of upwards(path)) {
        for (const listener of this.#listeners.persistentRecursive.get(above) ?? []) {
          concerned.add(listener)
        }
      }
    }
    for (const listener of concerned) notify(listener, event)
  }

  /** Forgets what the listener wanted to hear of the path, and says whether there was anything. */
  remove(path: string, listener: WatchListener): boolean {
    let found = false
    for (const listeners of Object.values(this.#listeners)) {
      if (removeFrom(listeners, path, listener)) found = true
    }
    return found
  }

  /** Whether anybody wants to hear of the path. */
  has(path: string): boolean {
    return (
      this.#arming.has(path) ||
      Object.values(this.#listeners).some((listeners) => listeners.has(path))
    )
  }

  /** The paths that have watches of this kind. */
  paths(kind: WatchKind): Iterable<string> {
    return this.#listeners[kind].keys()
  }

  clear(): void {
    this.#arming.clear()
    for (const listeners of Object.values(this.#listeners)) listeners.clear()
  }
}

const isPersistent = (kind: WatchKind): boolean =>
  kind === 'persistent' || kind === 'persistentRecursive'

const concerns = (type: WatchEvent['type'], kind: WatchKind): boolean =>
  kind === 'persistentRecursive' ? type !== 'childrenChanged' : CONCERNS[type].includes(kind)

function* upwards(path: string): Generator<string> {
  for (let at = path; at !== '/' && at !== ''; at = at.slice(0, at.lastIndexOf('/'))) yield at
  yield '/'
}

function getOrAdd<T>(sets: Map<string, Set<T>>, path: string): Set<T> {
  let set = sets.get(path)
  if (set === undefined) {
    set = new Set()
    sets.set(path, set)
  }
  return set
}

function removeFrom<T>(sets: Map<string, Set<T>>, path: string, value: T): boolean {
  const set = sets.get(path)
  if (set?.delete(value) !== true) return false
  if (set.size === 0) sets.delete(path)
  return true
}

/** Calls a listener. What it throws is its own, and ends the process as any error does that nobody catches. */
export function notify<E>(listener: (event: E) => void, event: E): void {
  try {
    listener(event)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
