import { createContext, runInContext } from 'node:vm'
import { describe, expect, it } from '@jest/globals'
import { memory } from '@libkv/memory'
import { isLibkvError, LibkvError } from '../src/index.ts'
import type { ErrorCode } from '../src/index.ts'

/** An error of another copy of this package, say that of CommonJS. */
function foreign(code: ErrorCode): unknown {
  class LibkvError extends Error {
    override readonly name = 'LibkvError'
    readonly code: ErrorCode = code
    constructor() {
      super('foreign')
      Object.defineProperty(this, Symbol.for('@libkv/error'), { value: true })
    }
  }
  return new LibkvError()
}

describe('an error of libkv', () => {
  it('says what it is made of, and is modest by default', () => {
    const cause = new Error('below')
    const error = new LibkvError('TIMEOUT', 'late', {
      backend: 'etcd',
      key: 'a',
      retryable: true,
      cause,
    })
    expect(error).toMatchObject({
      name: 'LibkvError',
      code: 'TIMEOUT',
      message: 'late',
      backend: 'etcd',
      key: 'a',
      retryable: true,
      ambiguous: false,
      current: undefined,
    })
    expect(error.cause).toBe(cause)
    expect('cause' in new LibkvError('TIMEOUT', 'late')).toBe(false)
    expect(new LibkvError('TIMEOUT', 'late')).toMatchObject({ retryable: false, ambiguous: false })
  })

  it('has a stack that begins with its name', () => {
    expect(new LibkvError('TIMEOUT', 'late').stack).toMatch(/^\w*Error: late\n/)
  })

  it('tells "absent" from "not told" in what the key holds now', () => {
    expect(new LibkvError('KEY_MODIFIED', 'x', { current: null }).current).toBeNull()
    expect(new LibkvError('KEY_MODIFIED', 'x').current).toBeUndefined()
  })

  it('is one whichever copy of the package made it', () => {
    const error = foreign('KEY_EXISTS')
    expect(error instanceof LibkvError).toBe(true)
    expect(isLibkvError(error)).toBe(true)
    expect(isLibkvError(error, 'KEY_EXISTS')).toBe(true)
    expect(isLibkvError(error, 'TIMEOUT')).toBe(false)
  })

  it('is one in whichever realm it was made', () => {
    const error: unknown = runInContext(
      "Object.assign(new Error('x'), { code: 'CLOSED', [Symbol.for('@libkv/error')]: true })",
      createContext({}),
    )
    expect(isLibkvError(error, 'CLOSED')).toBe(true)
  })

  it.each([undefined, null, 'TIMEOUT', 7, new Error('x'), { code: 'TIMEOUT' }, () => undefined])(
    'is not what only looks like one: %p',
    (value) => {
      expect(isLibkvError(value)).toBe(false)
      expect(value instanceof LibkvError).toBe(false)
    },
  )

  it('does not show its brand to whoever prints or copies it', () => {
    expect(
      Object.getOwnPropertySymbols(Object.assign({}, new LibkvError('TIMEOUT', 'late'))),
    ).toEqual([])
    expect(JSON.parse(JSON.stringify(new LibkvError('TIMEOUT', 'late')))).toMatchObject({
      code: 'TIMEOUT',
    })
  })
})

describe('the stack of an error', () => {
  it('begins at the caller, whatever the call was waiting for', async () => {
    const kv = memory(['stacks'])
    await kv.put('a', '1')
    const failures = {
      conflict: () => kv.atomicPut('a', '2', null),
      refusal: () => kv.get(''),
      misuse: () => kv.get(7 as unknown as string),
    }
    for (const fail of Object.values(failures)) {
      const error: unknown = await (async function caller() {
        await fail()
      })().catch((reason: unknown) => reason)
      expect((error as Error).stack).toContain('at caller')
      expect((error as Error).stack).not.toContain('core/src')
    }
    await kv.close()
  })
})
