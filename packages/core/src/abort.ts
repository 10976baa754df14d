import type { Runtime, Timer } from './runtime.ts'

/** A signal that fires with the first of several, and lets go of them when it is done: unlike `AbortSignal.any`, a long-lived
 * source keeps nothing of it. */
export class LinkedSignal implements Disposable {
  readonly #controller = new AbortController()
  readonly #sources: readonly AbortSignal[]

  constructor(...sources: readonly (AbortSignal | undefined)[]) {
    this.#sources = sources.filter((source) => source !== undefined)
    for (const source of this.#sources)
      source.addEventListener('abort', this.#onAbort, { once: true })
    this.#onAbort()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason)
  }

  [Symbol.dispose](): void {
    for (const source of this.#sources) source.removeEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = (): void => {
    const fired = this.#sources.find(({ aborted }) => aborted)
    if (fired !== undefined) this.#controller.abort(fired.reason)
  }
}

/** Waits for a promise until the signal fires; the work behind it goes on. */
export function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(signal.reason as Error)
    }
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort)
    })
  })
}

/** Waits a while, or rejects as soon as the signal fires. */
export async function pause(
  runtime: Runtime,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  let timer: Timer | undefined
  const over = new Promise<void>((resolve) => {
    timer = runtime.setTimer(resolve, ms)
  })
  try {
    await (signal === undefined ? over : orAbort(over, signal))
  } finally {
    timer?.cancel()
  }
}
