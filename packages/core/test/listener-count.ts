type Listen = typeof EventTarget.prototype.addEventListener

/** Counts how many listeners wait for the abort of one and the same signal. */
export class ListenerCount implements Disposable {
  /** The most that any signal had at a time. */
  most = 0
  readonly #live = new Map<EventTarget, Set<unknown>>()
  readonly #restore: () => void

  constructor() {
    const { prototype } = EventTarget
    // Called with the target that they are asked for.
    const addEventListener = Reflect.get(prototype, 'addEventListener')
    const removeEventListener = Reflect.get(prototype, 'removeEventListener')
    const live = (target: EventTarget): Set<unknown> => {
      const listeners = this.#live.get(target) ?? new Set()
      this.#live.set(target, listeners)
      return listeners
    }
    const add = (target: EventTarget, listener: unknown): void => {
      this.most = Math.max(this.most, live(target).add(listener).size)
    }
    prototype.addEventListener = function (this: EventTarget, ...args: Parameters<Listen>) {
      add(this, args[1])
      addEventListener.apply(this, args)
    }
    prototype.removeEventListener = function (this: EventTarget, ...args: Parameters<Listen>) {
      live(this).delete(args[1])
      removeEventListener.apply(this, args)
    }
    this.#restore = () => {
      Object.assign(prototype, { addEventListener, removeEventListener })
    }
  }

  [Symbol.dispose](): void {
    this.#restore()
  }
}
