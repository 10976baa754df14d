import assert from 'node:assert/strict'
import { LibkvError, MAX_VALUE_BYTES, check, isLibkvError, put } from '@libkv/core'
import type { ErrorCode } from '@libkv/core'
import { group, withoutReservedKeys, withoutTransactions } from '../group.ts'
import type { CaseGroup, SkipRule } from '../group.ts'
import type { Harness } from '../harness.ts'
import { refusal, rejection } from '../refusal.ts'

interface Provocation {
  readonly code: ErrorCode
  readonly skip?: SkipRule
  readonly run: (harness: Harness, key: string) => unknown
}

/** Each code that can be brought about without breaking a server. */
const provocations: readonly Provocation[] = [
  { code: 'INVALID_KEY', run: ({ kv }, key) => kv.get(`${key}//`) },
  { code: 'INVALID_OPTION', run: ({ kv }, key) => kv.put(key, 'v', { ttl: -1 }) },
  {
    code: 'VALUE_TOO_LARGE',
    run: ({ kv }, key) => kv.put(key, new Uint8Array(MAX_VALUE_BYTES + 1)),
  },
  {
    code: 'KEY_EXISTS',
    run: async ({ kv }, key) => {
      await kv.put(key, 'v')
      await kv.atomicPut(key, 'v', null)
    },
  },
  {
    code: 'KEY_MODIFIED',
    run: async ({ kv }, key) => {
      const old = await kv.put(key, 'v')
      await kv.put(key, 'v')
      await kv.atomicPut(key, 'v', old)
    },
  },
  {
    code: 'KEY_NOT_FOUND',
    run: async ({ kv }, key) => {
      const old = await kv.put(key, 'v')
      await kv.delete(key)
      await kv.atomicDelete(key, old)
    },
  },
  {
    code: 'TRANSACTION_FAILED',
    skip: withoutTransactions,
    run: async ({ kv }, key) => {
      await kv.put(key, 'v')
      await kv.transaction([check(key, null), put(key, 'v')])
    },
  },
  {
    code: 'TIMEOUT',
    skip: withoutReservedKeys,
    run: async ({ kv }, key) => {
      await kv.newLock(key).lock()
      await kv.newLock(key).lock({ timeout: 50 })
    },
  },
  {
    code: 'CLOSED',
    run: async ({ kv }, key) => {
      await kv.close()
      await kv.get(key)
    },
  },
  {
    code: 'SESSION_EXPIRED',
    run: async ({ kv }, key) => {
      const session = await kv.session()
      await session.close()
      await kv.put(key, 'v', { session })
    },
  },
]

const notLibkvErrors: Readonly<Record<string, unknown>> = {
  undefined,
  null: null,
  'a string': 'KEY_MODIFIED',
  'another error': new Error('KEY_MODIFIED'),
  'an object with a code': { name: 'LibkvError', code: 'KEY_MODIFIED' },
}

export const errorCases: CaseGroup = group('errors', ({ it, target }) => {
  for (const { code, run, skip } of provocations) {
    const reason = skip?.(target)
    it(
      `${code} has the shape of an error of this library`,
      async (harness) => {
        const error = await refusal(() => run(harness, harness.key()), code)
        assert.equal(error.name, 'LibkvError')
        assert.equal(error.backend, harness.kv.backend)
        assert.equal(typeof error.message, 'string')
        assert.equal(typeof error.stack, 'string')
        assert.equal(typeof error.retryable, 'boolean')
        assert.equal(error.ambiguous, false)
        assert.ok(error instanceof LibkvError)
      },
      reason,
    )

    it(
      `${code} is told by isLibkvError and by no other code`,
      async (harness) => {
        const error = await rejection(() => run(harness, harness.key()))
        assert.equal(isLibkvError(error), true)
        assert.equal(isLibkvError(error, code), true)
        assert.equal(isLibkvError(error, 'BACKEND_ERROR'), false)
      },
      reason,
    )

    it(
      `${code} names the key and the backend in its message`,
      async (harness) => {
        const { message } = await refusal(() => run(harness, harness.key()), code)
        assert.ok(message.includes(harness.kv.backend), message)
        assert.ok(message.includes(harness.key()), message)
      },
      reason,
    )
  }

  for (const code of ['KEY_EXISTS', 'KEY_MODIFIED', 'KEY_NOT_FOUND'] as const) {
    it(`${code} is not worth a repetition of the same call`, async (harness) => {
      const provocation = provocations.find((one) => one.code === code)
      const error = await refusal(() => provocation?.run(harness, harness.key()), code)
      assert.equal(error.retryable, false)
      assert.equal(error.key, harness.key())
    })
  }

  for (const [what, value] of Object.entries(notLibkvErrors)) {
    it(`does not take ${what} for an error of this library`, async () => {
      assert.equal(isLibkvError(value), false)
      assert.equal(isLibkvError(value, 'KEY_MODIFIED'), false)
      assert.equal(value instanceof LibkvError, false)
    })
  }

  it('is recognised across copies of the package', async () => {
    const foreign = new Error('from another copy')
    Object.assign(foreign, { code: 'KEY_MODIFIED' })
    Object.defineProperty(foreign, Symbol.for('@libkv/error'), { value: true })
    assert.equal(isLibkvError(foreign, 'KEY_MODIFIED'), true)
    assert.ok(foreign instanceof LibkvError)
  })

  it('can be logged as JSON, without the values of keys', async ({ kv, key }) => {
    await kv.put(key(), 'the-secret-value')
    const error = await refusal(kv.atomicPut(key(), 'another-secret', null), 'KEY_EXISTS')
    const logged = JSON.stringify(error)
    assert.ok(logged.includes('KEY_EXISTS'))
    assert.ok(logged.includes(key()))
    for (const secret of ['the-secret-value', 'another-secret']) {
      assert.ok(!logged.includes(secret))
      assert.ok(!logged.includes(Buffer.from(secret).toString('base64').slice(0, -4)))
      assert.ok(!logged.includes([...Buffer.from(secret)].join(',')))
      assert.ok(!logged.includes(`"0":${String(secret.charCodeAt(0))}`))
    }
  })

  it('shows no value in a message', async ({ kv, key }) => {
    const secret = 'the-secret-value'
    const old = await kv.put(key(), secret)
    await kv.put(key(), secret)
    const { message } = await refusal(kv.atomicPut(key(), secret, old), 'KEY_MODIFIED')
    assert.ok(!message.includes(secret))
  })

  it('has the caller in its stack', async ({ kv, key }) => {
    const error = await refusal(async function namedCaller() {
      await kv.atomicPut(key(), 'v', await kv.put(key(), 'v'))
      await kv.atomicPut(key(), 'v', null)
    }, 'KEY_EXISTS')
    assert.match(String(error.stack), /namedCaller/)
  })
})
