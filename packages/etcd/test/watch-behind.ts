import { expect, it } from '@jest/globals'
import { Follower } from '@libkv/testing/backend-cases/follower'
import type { ProxiedStore } from '@libkv/testing/backend-cases/proxied-store'

/** A watch that is cut off three times while it catches up with that many revisions. */
export function watchBehindCase(proxied: ProxiedStore, revisions: number): void {
  it(`loses nothing of ${revisions.toLocaleString('en')} revisions behind, cut in the middle of them`, async () => {
    const { kv, direct, dir, proxy } = proxied
    const follower = await new Follower(kv, dir).started()
    proxy.blackhole()
    const keys = Array.from({ length: revisions }, (_, i) => `${dir}/${String(i)}`)
    await inBatches(keys, 64, (key) => direct.put(key, ''))
    let bytes = 0
    let cuts = 0
    proxy.onUpstreamData = (chunk) => {
      bytes += chunk.length
      // An event takes more than 30 bytes.
      if (bytes < revisions * 2.5 || cuts >= 3) return 'forward'
      bytes = 0
      cuts++
      return 'lose'
    }
    proxy.cut()
    proxy.pass()
    await follower.has(keys)
    expect(cuts).toBe(3)
    expect(follower.violations).toEqual([])
    await follower.stop()
  })
}

async function inBatches<T>(
  items: readonly T[],
  size: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  for (let i = 0; i < items.length; i += size) await Promise.all(items.slice(i, i + size).map(work))
}
