import assert from 'node:assert/strict'
import { check, isLibkvError, put, remove } from '@libkv/core'
import type { KVPair, Operation } from '@libkv/core'
import fc from 'fast-check'
import type { Arbitrary, AsyncCommand } from 'fast-check'
import type { ModelPair, ModelRefusal } from './model-store.ts'
import type { Model, Subject } from './subject.ts'

type Command = AsyncCommand<Model, Subject>

/** Few keys, so that programs meet themselves; chosen for what siblings, parents and orders can be mistaken for. */
const keys = [
  ...['a', 'a/b', 'a/b/c', 'a-x', 'a-x/b', 'a.b', 'ab', 'a/b-c'],
  ...['b', 'b/é', 'b/\uffff', 'b/😀', 'b/%2F', 'b/ '],
]
const key = fc.constantFrom(...keys)
const directory = fc.constantFrom('', 'a', 'a/b', 'a-x', 'b', 'b/é', 'none')
/** The whole store seldom, so that programs get to have something in it. */
const doomed = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom('a', 'a/b', 'a-x', 'b', 'b/é', 'none') },
  { weight: 1, arbitrary: fc.constant('') },
)
const spelling = fc.constantFrom<(path: string) => string>(
  (path) => path,
  (path) => path,
  (path) => `/${path}`,
  (path) => (path === '' ? '' : `${path}/`),
)
/** Bytes, one a character; the empty value and those that are no text come often enough. */
const value = fc.oneof(
  fc.constantFrom('', 'same', '\0', '\xff\xfe'),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
)
/** Which of the pairs that the program has seen; `null` stands for "absent". */
const previous = fc.option(fc.nat(), { freq: 4 })

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')

/** The command as a failure shows it, and what it does. */
function command(text: string, run: (model: Model, subject: Subject) => Promise<void>): Command {
  return { check: () => true, run, toString: () => text }
}

function hold(
  model: Model,
  subject: Subject,
  pair: KVPair | null,
  expected: ModelPair | null,
): void {
  subject.same(pair, expected)
  if (pair === null || expected === null) return
  model.pairs.push(expected)
  subject.pairs.push(pair)
}

/** A pair from before, on both sides; none while there is none. */
function recall(
  model: Model,
  subject: Subject,
  which: number | null,
): { expected: ModelPair; pair: KVPair } | undefined {
  if (which === null || model.pairs.length === 0) return undefined
  const index = which % model.pairs.length
  const [expected, pair] = [model.pairs[index], subject.pairs[index]]
  return expected === undefined || pair === undefined ? undefined : { expected, pair }
}

async function refused(
  work: Promise<unknown>,
  code: ModelRefusal | 'TRANSACTION_FAILED',
  current: (pair: KVPair | null) => void,
  at: string,
): Promise<void> {
  const error: unknown = await work.then(
    () => assert.fail(`went through instead of ${code}`),
    (reason: unknown) => reason,
  )
  if (!isLibkvError(error)) throw error
  assert.equal(error.code, code)
  assert.equal(error.key, at)
  if (error.current !== undefined) current(error.current)
}

/** Thrice as often as any other call. */
const puts: Arbitrary<Command> = fc.tuple(key, spelling, value).map(([path, spell, text]) =>
  command(`put ${path} ${JSON.stringify(text)}`, async (model, subject) => {
    const pair = await subject.kv.put(spell(path), bytes(text))
    const written = model.store.begin()
    subject.wrote(written, pair.revision)
    hold(model, subject, pair, model.store.put(path, text, written))
  }),
)

const commands: readonly Arbitrary<Command>[] = [
  fc.tuple(key, spelling).map(([path, spell]) =>
    command(`get ${path}`, async (model, subject) => {
      hold(model, subject, await subject.kv.get(spell(path)), model.store.get(path))
    }),
  ),
  key.map((path) =>
    command(`exists ${path}`, async (model, { kv }) => {
      assert.equal(await kv.exists(path), model.store.get(path) !== null)
    }),
  ),
  fc.tuple(directory, spelling).map(([path, spell]) =>
    command(`list '${path}'`, async (model, subject) => {
      const pairs = await subject.kv.list(spell(path))
      const expected = model.store.list(path)
      assert.deepEqual(
        pairs.map((pair) => pair.key),
        expected.map((pair) => pair.key),
      )
      for (const [i, pair] of pairs.entries()) subject.same(pair, expected[i] ?? null)
    }),
  ),
  directory.map((path) =>
    command(`keys '${path}'`, async (model, { kv }) => {
      assert.deepEqual(
        await kv.keys(path),
        model.store.list(path).map((pair) => pair.key),
      )
    }),
  ),
  puts,
  puts,
  puts,
  key.map((path) =>
    command(`delete ${path}`, async (model, { kv }) => {
      assert.equal(await kv.delete(path), model.store.delete(path))
    }),
  ),
  doomed.map((path) =>
    command(`deleteTree '${path}'`, async (model, { kv }) => {
      assert.equal(await kv.deleteTree(path), model.store.deleteTree(path))
    }),
  ),
  fc.tuple(key, value, previous).map(([path, text, which]) =>
    command(`atomicPut ${path} over ${String(which)}`, async (model, subject) => {
      const before = recall(model, subject, which)
      const name = before?.expected.key ?? path
      const writing = subject.kv.atomicPut(name, bytes(text), before?.pair ?? null)
      const refusal = model.store.refusal(name, before?.expected ?? null)
      if (refusal !== undefined) {
        const current = (pair: KVPair | null): void => subject.same(pair, model.store.get(name))
        await refused(writing, refusal, current, name)
        return
      }
      const pair = await writing
      const written = model.store.begin()
      subject.wrote(written, pair.revision)
      hold(model, subject, pair, model.store.put(name, text, written))
    }),
  ),
  fc.nat().map((which) =>
    command(`atomicDelete ${String(which)}`, async (model, subject) => {
      const before = recall(model, subject, which)
      if (before === undefined) return
      const name = before.expected.key
      const deleting = subject.kv.atomicDelete(name, before.pair)
      const refusal = model.store.refusal(name, before.expected)
      if (refusal === undefined) {
        await deleting
        model.store.delete(name)
        return
      }
      const current = (pair: KVPair | null): void => subject.same(pair, model.store.get(name))
      await refused(deleting, refusal, current, name)
    }),
  ),
]

const step = fc.oneof(
  fc.record({ type: fc.constant('check' as const), key, which: previous }),
  fc.record({ type: fc.constant('put' as const), key, value }),
  fc.record({ type: fc.constant('remove' as const), key }),
)

type Step = typeof step extends Arbitrary<infer T> ? T : never

/** No key is written twice in a transaction. */
const steps = fc.uniqueArray(step, {
  minLength: 1,
  maxLength: 6,
  selector: ({ type, key: path }) => `${type === 'check' ? 'check' : 'write'} ${path}`,
})

const transaction: Arbitrary<Command> = steps.map((list) =>
  command(`transaction ${JSON.stringify(list)}`, async (model, subject) => {
    let failed: string | undefined
    const operations = list.map((one) => operation(one))
    const running = subject.kv.transaction(operations)
    if (failed !== undefined) {
      const at = failed
      const current = (pair: KVPair | null): void => subject.same(pair, model.store.get(at))
      await refused(running, 'TRANSACTION_FAILED', current, at)
      return
    }
    const { revision, results } = await running
    assert.equal(results.length, list.length)
    const written = model.store.begin()
    if (list.some(({ type }) => type === 'put')) subject.wrote(written, revision)
    for (const [i, one] of list.entries()) {
      const pair = results[i] ?? null
      if (one.type === 'put')
        hold(model, subject, pair, model.store.put(one.key, one.value, written))
      else assert.equal(pair, null)
      if (one.type === 'remove') model.store.delete(one.key)
    }

    function operation(one: Step): Operation {
      if (one.type === 'put') return put(one.key, bytes(one.value))
      if (one.type === 'remove') return remove(one.key)
      const before = recall(model, subject, one.which)
      const name = before?.expected.key ?? one.key
      if (model.store.refusal(name, before?.expected ?? null) !== undefined) failed ??= name
      return check(name, before?.pair ?? null)
    }
  }),
)

/** Programs of all calls that read and write keys. */
export function programs(transactions: boolean, length: number): Arbitrary<Iterable<Command>> {
  const all = transactions ? [...commands, transaction] : [...commands]
  return fc.commands(all, { maxCommands: length, size: 'max' })
}
