import assert from 'node:assert/strict'
import { MAX_KEY_BYTES } from '@libkv/core'
import { RESERVED_SEGMENT, lockQueueDirectory } from '@libkv/core/driver'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'
import { misuse, refusal } from '../refusal.ts'
import { keyedCalls } from '../store-calls.ts'

/** Refused by every call. */
const refusedEverywhere: Readonly<Record<string, string>> = {
  'nothing between two slashes': '//',
  'an empty segment': 'a//b',
  "a segment '.'": 'a/./b',
  "a segment '..'": 'a/../b',
  'a NUL character': 'a\u0000b',
  'a lone surrogate': 'a\ud83d/b',
  'a byte too many': 'x'.repeat(MAX_KEY_BYTES + 1),
  'the reserved first segment': lockQueueDirectory('jobs'),
}

/** Further spellings, for which one call stands for all. */
const refusedToo: Readonly<Record<string, string>> = {
  'only a slash': '/',
  'three slashes': '///',
  'a second leading slash': '//a',
  'a second trailing slash': 'a//',
  'only a dot': '.',
  'only two dots': '..',
  'a dot at the end': 'a/.',
  'two dots at the start': '../a',
  'two dots at the end': 'a/..',
  'a line feed': 'a\nb',
  'a tab': 'a\tb',
  'a unit separator': 'a\u001fb',
  'a DEL character': 'a\u007fb',
  'the first C1 control character': 'a\u0080b',
  'the last C1 control character': 'a\u009fb',
  'a lone low surrogate': 'a\udc00b',
  'surrogates in the wrong order': 'a\udc00\ud83db',
  'a lone surrogate at the end': 'a\ud83d',
  'few characters but too many bytes': 'é'.repeat(MAX_KEY_BYTES / 2) + 'x',
  'the reserved segment alone': RESERVED_SEGMENT,
  'the reserved segment after a slash': `/${RESERVED_SEGMENT}/`,
}

const notStrings: Readonly<Record<string, unknown>> = {
  undefined,
  null: null,
  'a number': 7,
  'a byte array': new Uint8Array([97]),
}

export const keyRefusalCases: CaseGroup = group('refused keys', ({ it, target }) => {
  for (const call of keyedCalls) {
    const skip = call.skip?.(target)
    for (const [what, key] of Object.entries(refusedEverywhere)) {
      it(
        `${call.name} refuses a key with ${what}`,
        async ({ fresh }) => {
          // Where a call takes the key after all, it should not do so in a store that others use.
          const kv = await fresh()
          const error = await refusal(() => call.run(kv, key), 'INVALID_KEY')
          assert.equal(error.key, key)
          assert.equal(error.backend, kv.backend)
          assert.equal(error.ambiguous, false)
        },
        skip,
      )
    }
    if (call.takes === 'key') {
      it(
        `${call.name} refuses an empty key`,
        async ({ fresh }) => {
          const kv = await fresh()
          await refusal(() => call.run(kv, ''), 'INVALID_KEY')
        },
        skip,
      )
    }
    for (const [what, key] of Object.entries(notStrings)) {
      it(
        `${call.name} takes ${what} as a key for a TypeError`,
        async ({ fresh }) => {
          const kv = await fresh()
          await misuse(() => call.run(kv, key as string))
        },
        skip,
      )
    }
  }

  for (const [what, key] of Object.entries(refusedToo)) {
    it(`refuses a key with ${what}`, async ({ fresh }) => {
      const kv = await fresh()
      await refusal(kv.get(key), 'INVALID_KEY')
      await refusal(kv.put(key, 'v'), 'INVALID_KEY')
    })
  }

  // In a namespace, what is wrong with a namespace within would not come first.
  const namespaces = target.namespace === undefined ? Object.entries(refusedEverywhere) : []
  for (const [what, namespace] of namespaces) {
    it(`refuses a namespace with ${what}`, async ({ open }) => {
      await refusal(() => open({ namespace }), 'INVALID_KEY')
    })
  }

  it('refuses a key before it looks at the value', async ({ fresh }) => {
    const kv = await fresh()
    await refusal(kv.put('a//b', 7 as unknown as string), 'INVALID_KEY')
  })

  it('leaves the store alone after a refusal', async ({ kv, key, dir }) => {
    await refusal(kv.put(key('a/../b'), 'v'), 'INVALID_KEY')
    await refusal(kv.put(key('a//b'), 'v'), 'INVALID_KEY')
    assert.deepEqual(await kv.keys(dir), [])
  })
})
