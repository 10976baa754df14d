import { setMaxListeners } from 'node:events'
import type { Runtime, Timer } from '../contract/runtime.ts'

/** A controller for a signal that is handed out, and that many may listen to. */
export function sharedController(): AbortController {
  const controller = new AbortController()
  try {
    setMaxListeners(0, controller.signal)
  } catch {
    // It is jsdom's, and counts no listeners.
  }
  return controller
}

/** The one listener of a signal, which calls back whoever waits for it. */
class AbortListener {
  readonly callbacks = new Set<{ readonly call: () => void }>()

  handleEvent(): void {
    const callbacks = [...this.callbacks]
    this.callbacks.clear()
    for (const { call } of callbacks) call()
  }
}

const listeners = new WeakMap<AbortSignal, AbortListener>()

/**
 * Calls back once when a signal fires; never for one that has fired already. All callbacks of a signal share one listener,
 * so that any number of calls and watches may use it without Node's warning of a possible leak. It holds nothing of those
 * that have ended.
 *
 * @returns a function that withdraws the callback.
 */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  let listener = listeners.get(signal)
  if (listener === undefined) {
    listener = new AbortListener()
    listeners.set(signal, listener)
  }
  const { callbacks } = listener
  if (callbacks.size === 0) signal.addEventListener('abort', listener, { once: true })
  const entry = { call }
  callbacks.add(entry)
  return () => {
    if (callbacks.delete(entry) && callbacks.size === 0) {
      signal.removeEventListener('abort', listener)
    }
  }
}

/**
 * A controller whose signal also fires with the first of several signals. Close it when the work is done: unlike
 * `AbortSignal.any`, it then leaves nothing behind at a long-lived source.
 */
export class LinkedAbortController {
  readonly #controller = new AbortController()
  readonly #withdraw: readonly (() => void)[]

  constructor(...sources: readonly (AbortSignal | undefined)[]) {
    const signals = sources.filter((source) => source !== undefined)
    const fired = signals.find(({ aborted }) => aborted)
    if (fired !== undefined) this.#controller.abort(fired.reason)
    this.#withdraw =
      fired === undefined
        ? signals.map((signal) =>
            onAbort(signal, () => {
              this.#controller.abort(signal.reason)
            }),
          )
        : []
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason)
  }

  /** Lets go of the sources. */
  close(): void {
    for (const withdraw of this.#withdraw) withdraw()
  }
}

/** Throws the reason of a signal that has fired. The signals of Jest 29's jsdom lack the method of that name. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw signal.reason as Error
}

/** Waits for a promise until the signal fires, and rejects with its reason then; the work behind the promise goes on. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason as Error)
    }
    if (signal.aborted) abort()
    const withdraw = onAbort(signal, abort)
    work.then(resolve, reject).finally(() => {
      withdraw()
    })
  })
}

/** Waits a while, or rejects as soon as the signal fires. */
export async function sleep(
  runtime: Runtime,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  let timer: Timer | undefined
  const over = new Promise<void>((resolve) => {
    timer = runtime.setTimer(resolve, ms)
  })
  try {
    await (signal === undefined ? over : abortable(over, signal))
  } finally {
    timer?.cancel()
  }
}
