import assert from 'node:assert/strict'
import { MAX_KEY_BYTES } from '@libkv/core'
import { RESERVED_SEGMENT } from '@libkv/core/driver'
import { textOf } from '../bytes.ts'
import { group } from '../group.ts'
import type { CaseGroup } from '../group.ts'

/** Names that some backend, client or URL would trip over; all of them are ordinary keys. */
const oddNames: Readonly<Record<string, string>> = {
  'a space': 'two words',
  'spaces at both ends': ' padded ',
  'a lone space': ' ',
  'a percent sign': '100%',
  'an escaped slash': 'a%2Fb',
  'an escaped NUL': 'a%00b',
  'escaped dots': '%2e%2e',
  'a query': 'key?recurse&raw=1',
  'a fragment': 'key#part',
  'a plus sign': '1+1',
  'a backslash': 'a\\b',
  'double quotes': 'say "hi"',
  'single quotes and backticks': "it's `so`",
  'brackets and glob characters': '[a]{b}(c)*?',
  'a dollar sign and braces': '${HOME}',
  'angle brackets': '<a>&amp;',
  'colon, comma, semicolon and equals sign': 'a:b,c;d=e',
  'a tilde, a pipe and a caret': '~a|b^c',
  'an at sign': 'user@host:2379',
  'three dots': '...',
  'a leading dot': '.hidden',
  'a trailing dot': 'name.',
  'a leading dash': '-rf',
  'the name of a prototype': '__proto__',
  'the name of a constructor': 'constructor',
  'the reserved name below another segment': `a/${RESERVED_SEGMENT}/b`,
  'the name of ZooKeeper’s own node': 'zookeeper/quota',
  'Latin with diacritics': 'straße/café',
  'a decomposed diacritic': 'cafe\u0301',
  Cyrillic: 'ключ',
  Chinese: '键/值',
  'right-to-left script': 'مفتاح',
  'an emoji': 'rocket-🚀',
  'an emoji of several code points': '👩‍👩‍👧‍👦',
  'a zero-width joiner': 'a\u200db',
  'a line separator': 'a\u2028b',
  'a byte order mark': '\ufeffkey',
  'the replacement character': 'a\ufffdb',
  'a private-use character': 'a\ue000b',
  'a noncharacter': 'a\uffffb',
  'the last code point': 'a\u{10ffff}b',
}

export const keyCases: CaseGroup = group('keys', ({ it }) => {
  for (const [what, name] of Object.entries(oddNames)) {
    it(`stores, shows and deletes a key with ${what}`, async ({ kv, key, dir }) => {
      const written = await kv.put(key(name), what)
      assert.equal(written.key, key(name))
      const read = await kv.get(key(name))
      assert.equal(read?.key, key(name))
      assert.equal(read.text(), what)
      assert.deepEqual(await kv.keys(dir), [key(name)])
      assert.equal(await kv.delete(key(name)), true)
      assert.equal(await kv.exists(key(name)), false)
    })
  }

  it('drops one leading slash', async ({ kv, key }) => {
    assert.equal((await kv.put(`/${key()}`, 'v')).key, key())
    assert.equal((await kv.get(key()))?.text(), 'v')
    assert.equal((await kv.get(`/${key()}`))?.key, key())
  })

  it('drops one trailing slash', async ({ kv, key }) => {
    assert.equal((await kv.put(`${key()}/`, 'v')).key, key())
    assert.equal((await kv.get(key()))?.text(), 'v')
    assert.equal((await kv.get(`${key()}/`))?.key, key())
  })

  it('takes a key with both outer slashes for the same key in every call', async ({ kv, key }) => {
    const slashed = `/${key()}/`
    const created = await kv.atomicPut(slashed, '1', null)
    assert.equal(created.key, key())
    assert.equal(await kv.exists(slashed), true)
    const replaced = await kv.atomicPut(slashed, '2', created)
    await kv.atomicDelete(slashed, replaced)
    await kv.put(slashed, '3')
    assert.equal(await kv.delete(slashed), true)
    assert.equal(kv.newLock(slashed).key, key())
  })

  it('takes a directory with outer slashes for the same directory', async ({ kv, key, dir }) => {
    await kv.put(key('a'), 'v')
    for (const spelling of [dir, `/${dir}`, `${dir}/`, `/${dir}/`]) {
      assert.deepEqual(await kv.keys(spelling), [key('a')])
    }
    assert.equal(await kv.deleteTree(`/${dir}/`), 1)
  })

  it('returns full keys from a nested directory', async ({ kv, key }) => {
    await kv.put(key('a/b/c'), 'v')
    assert.deepEqual(await kv.keys(key('a/b')), [key('a/b/c')])
    assert.equal((await kv.list(key('a')))[0]?.key, key('a/b/c'))
  })

  it('keeps a key and a key below it side by side', async ({ kv, key }) => {
    await kv.put(key('a'), 'parent')
    await kv.put(key('a/b'), 'child')
    assert.equal(textOf(await kv.get(key('a'))), 'parent')
    assert.equal(textOf(await kv.get(key('a/b'))), 'child')
  })

  it('writes a key whose descendant exists already', async ({ kv, key }) => {
    await kv.put(key('a/b'), 'child')
    await kv.put(key('a'), 'parent')
    assert.equal(textOf(await kv.get(key('a'))), 'parent')
    assert.equal(textOf(await kv.get(key('a/b'))), 'child')
  })

  it('creates a key with atomicPut where only a descendant exists', async ({ kv, key }) => {
    await kv.put(key('a/b'), 'child')
    await kv.atomicPut(key('a'), 'parent', null)
    assert.equal(textOf(await kv.get(key('a'))), 'parent')
  })

  it('deletes a key and leaves its descendants', async ({ kv, key }) => {
    await kv.put(key('a'), 'parent')
    await kv.put(key('a/b'), 'child')
    assert.equal(await kv.delete(key('a')), true)
    assert.equal(await kv.get(key('a')), null)
    assert.equal(textOf(await kv.get(key('a/b'))), 'child')
  })

  it('deletes the last descendant and leaves the key above', async ({ kv, key, dir }) => {
    await kv.put(key('a'), 'parent')
    await kv.put(key('a/b/c'), 'child')
    await kv.delete(key('a/b/c'))
    assert.deepEqual(await kv.keys(dir), [key('a')])
  })

  it('does not show an implicit parent', async ({ kv, key, dir }) => {
    await kv.put(key('a/b/c'), 'v')
    assert.equal(await kv.get(key('a')), null)
    assert.equal(await kv.exists(key('a/b')), false)
    assert.equal(await kv.delete(key('a/b')), false)
    assert.deepEqual(await kv.keys(dir), [key('a/b/c')])
  })

  it('tells upper from lower case', async ({ kv, key }) => {
    await kv.put(key('Key'), 'upper')
    assert.equal(await kv.get(key('key')), null)
  })

  it('tells composed from decomposed characters', async ({ kv, key }) => {
    await kv.put(key('caf\u00e9'), 'composed')
    assert.equal(await kv.get(key('cafe\u0301')), null)
  })

  it('tells an escape from what it would stand for', async ({ kv, key, dir }) => {
    await kv.put(key('a/b'), 'slash')
    await kv.put(key('a%2Fb'), 'escape')
    assert.equal(textOf(await kv.get(key('a/b'))), 'slash')
    assert.equal(textOf(await kv.get(key('a%2Fb'))), 'escape')
    assert.equal((await kv.keys(dir)).length, 2)
  })

  it('stores a key of exactly MAX_KEY_BYTES bytes', async ({ kv, key }) => {
    const longest = key().padEnd(MAX_KEY_BYTES, 'x')
    await kv.put(`/${longest}/`, 'v')
    assert.equal((await kv.get(longest))?.key, longest)
  })

  it('counts the length of a key in bytes of UTF-8', async ({ kv, key }) => {
    const room = MAX_KEY_BYTES - key('').length
    const longest = key('é'.repeat(Math.floor(room / 2)) + 'x'.repeat(room % 2))
    assert.equal(Buffer.byteLength(longest), MAX_KEY_BYTES)
    await kv.put(longest, 'v')
    assert.equal((await kv.get(longest))?.key, longest)
  })

  it('stores a key of a hundred segments', async ({ kv, key, dir }) => {
    const deep = key('s/'.repeat(99) + 'leaf')
    await kv.put(deep, 'v')
    assert.deepEqual(await kv.keys(dir), [deep])
    assert.equal(await kv.deleteTree(dir), 1)
  })

  it('takes names that only begin like the reserved one', async ({ fresh }) => {
    const kv = await fresh()
    const longer = `${RESERVED_SEGMENT}x`
    const divided = `${RESERVED_SEGMENT.slice(0, -1)}/${RESERVED_SEGMENT.slice(-1)}`
    await kv.put(longer, '1')
    await kv.put(divided, '2')
    assert.deepEqual(await kv.keys(''), [divided, longer])
  })
})
