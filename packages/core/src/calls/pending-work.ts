/** Promises that nobody waits for until {@link PendingWork.drain}. */
export class PendingWork {
  readonly #pending = new Set<Promise<unknown>>()

  /** Makes {@link PendingWork.drain} wait for a promise, whatever its outcome. */
  track(work: Promise<unknown>): void {
    const settled: Promise<unknown> = work
      .catch(() => undefined)
      .finally(() => this.#pending.delete(settled))
    this.#pending.add(settled)
  }

  /** Resolves when all promises have settled, those included that are added meanwhile. */
  async drain(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending)
  }
}
