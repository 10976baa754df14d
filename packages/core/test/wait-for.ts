import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until a condition holds; fails when that takes over five seconds. */
export async function waitFor(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + 5_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`)
    await sleep(2)
  }
}
