import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { isLibkvError } from '@libkv/core'
import { WAIT_TIMEOUT, iterate } from '@libkv/testing'
import { memory, memoryFaults } from '../src/index.ts'

describe('an embedded store', () => {
  it('shares its data with all stores of its name, and with no other', async () => {
    await using one = memory(['shared'])
    await using same = memory(['shared'])
    await using other = memory(['not-shared'])
    await one.put('a', 'tea')
    expect((await same.get('a'))?.text()).toBe('tea')
    expect(await other.get('a')).toBeNull()
  })

  it('is named default where it has no name', async () => {
    await using one = memory()
    await using same = memory(['default'])
    await one.put('a', 'tea')
    expect((await same.get('a'))?.text()).toBe('tea')
    expect(memoryFaults()).toBe(memoryFaults('default'))
  })

  it('keeps its data when it is closed', async () => {
    const first = memory(['kept'])
    await first.put('a', 'tea')
    await first.close()
    await using second = memory(['kept'])
    expect((await second.get('a'))?.text()).toBe('tea')
  })

  it('shows one store what another of its name has done, in its namespace', async () => {
    await using whole = memory(['nested'])
    await using part = memory(['nested'], { namespace: 'app' })
    const states = iterate(part.watch('a'))
    expect((await states.next()).value).toBeNull()
    await whole.put('app/a', 'tea')
    expect((await states.next()).value).toMatchObject({ key: 'a' })
  })

  it('refuses several addresses, for there is nothing to fail over to', () => {
    let error: unknown
    try {
      memory(['a', 'b'])
    } catch (caught) {
      error = caught
    }
    expect(isLibkvError(error, 'INVALID_OPTION')).toBe(true)
  })

  it('does not let a caller change what is stored through the array that was given', async () => {
    await using kv = memory(['copies'])
    const value = new Uint8Array([1, 2, 3])
    await kv.put('a', value)
    value.fill(0)
    expect((await kv.get('a'))?.value).toEqual(new Uint8Array([1, 2, 3]))
  })

  it('lets a key that was written anew outlive the session and the time to live it had', async () => {
    await using kv = memory(['anew'])
    const session = await kv.session()
    await kv.put('a', '1', { session })
    await kv.put('b', '1', { ttl: 100 })
    await kv.put('c', '1', { ttl: 100 })
    await kv.put('a', '2')
    await kv.put('b', '2')
    await session.close()
    for await (const pair of kv.watch('c')) if (pair === null) break
    expect(await kv.keys('')).toEqual(['a', 'b'])
  })

  it('orders all writes of all stores of its name in one history', async () => {
    await using one = memory(['history'])
    await using two = memory(['history'], { namespace: 'n' })
    const revisions: bigint[] = []
    for (let i = 0; i < 10; i++) {
      revisions.push((await (i % 2 === 0 ? one : two).put('a', String(i))).revision)
    }
    expect(revisions.every((at, i) => i === 0 || at > (revisions[i - 1] ?? 0n))).toBe(true)
  })
})

describe('a process with an embedded store', () => {
  const run = (...lines: string[]): string =>
    execFileSync(
      process.execPath,
      [
        '--conditions=@libkv/source',
        '--import=tsx',
        '--input-type=module',
        '--eval',
        ["import { memory } from '@libkv/memory'", 'const kv = memory()', ...lines].join('\n'),
      ],
      { cwd: join(__dirname, '../../..'), encoding: 'utf8', timeout: WAIT_TIMEOUT },
    ).trim()

  it('ends by itself once the store is closed, whatever was open', () => {
    const output = run(
      "kv.newLock('jobs').lock()",
      'const session = await kv.session()',
      "await kv.put('a', '1', { ttl: 3_600_000, })",
      "const states = kv.watch('a')[Symbol.asyncIterator]()",
      'await states.next()',
      'setTimeout(() => kv.close(), 50)',
      'console.log((await states.next()).done)',
    )
    expect(output).toBe('true')
  })

  it('is not kept running by keys that have yet to expire', () => {
    expect(run("await kv.put('a', '1', { ttl: 3_600_000 })", "console.log('done')")).toBe('done')
  })

  it('is kept running by a watch', () => {
    const output = run(
      "setTimeout(() => void kv.put('a', 'tea'), 50).unref()",
      "for await (const pair of kv.watch('a')) { if (pair) { console.log(pair.text()); break } }",
    )
    expect(output).toBe('tea')
  })
})
