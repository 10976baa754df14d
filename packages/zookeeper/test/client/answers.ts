import type { JuteWriter } from '../../src/client/jute-writer.ts'
import { multi, multiRead } from '../../src/client/multi-operations.ts'
import * as operations from '../../src/client/operations.ts'
import type { Operation, Target } from '../../src/client/operation.ts'
import type { MultiOperation, Read } from '../../src/client/index.ts'

/** A request, and the body of an answer that a server could give. */
export interface Exchange {
  readonly operation: Operation<Target, unknown>
  readonly target: Target
  readonly write: (writer: JuteWriter) => void
}

function exchange<Q extends Target>(
  operation: Operation<Q, unknown>,
  target: Q,
  write: (writer: JuteWriter) => void,
): Exchange {
  return { operation, target, write }
}

function stat(writer: JuteWriter): void {
  for (const long of [0x100000002n, 0x100000003n, 1_700_000_000_000n, 1_700_000_000_001n]) {
    writer.long(long)
  }
  for (const int of [1, 2, 3]) writer.int(int)
  writer.long(0n)
  writer.int(5)
  writer.int(2)
  writer.long(0x100000004n)
}

const data = (writer: JuteWriter): void => {
  writer.buffer(Buffer.from('some data'))
}
const path = (writer: JuteWriter): void => {
  writer.string('/app/node0000000001')
}
const names = (writer: JuteWriter): void => {
  writer.vector(['a', 'longer-name', '\u20ac'], (name) => {
    writer.string(name)
  })
}
const acl = (writer: JuteWriter): void => {
  writer.vector([31, 1], (permissions) => {
    writer.int(permissions)
    writer.string('world')
    writer.string('anyone')
  })
}

type Part = readonly [type: number, ...body: ((writer: JuteWriter) => void)[]]

const parts =
  (...all: readonly Part[]) =>
  (writer: JuteWriter): void => {
    for (const [type, ...body] of [...all, [-1] as const]) {
      writer.int(type)
      writer.bool(type === -1 && body.length === 0)
      writer.int(type === -1 ? -1 : 0)
      for (const write of body) write(writer)
    }
  }

const all =
  (...writes: readonly ((writer: JuteWriter) => void)[]) =>
  (writer: JuteWriter): void => {
    for (const write of writes) write(writer)
  }

const at = { path: '/app' }
const watching = { path: '/app', listener: (): void => {} }
const writes: readonly MultiOperation[] = [
  { type: 'check', path: '/a' },
  { type: 'create', path: '/b', data: null },
  { type: 'create', path: '/c', data: null, mode: 'container' },
  { type: 'set', path: '/a', data: null },
  { type: 'delete', path: '/d' },
]
const reads: readonly Read[] = [
  { type: 'get', path: '/a' },
  { type: 'children', path: '/a' },
  { type: 'get', path: '/none' },
]
const error =
  (code: number) =>
  (writer: JuteWriter): void => {
    writer.int(code)
  }

/** One for each kind of answer that the client reads. */
export const exchanges: readonly Exchange[] = [
  exchange(operations.creationOf({}), { path: '/a', data: null }, all(path, stat)),
  exchange(operations.get, watching, all(data, stat)),
  exchange(operations.exists, watching, stat),
  exchange(operations.children, watching, all(names, stat)),
  exchange(operations.set, { path: '/a', data: null }, stat),
  exchange(operations.remove, at, () => {}),
  exchange(operations.getAcl, at, all(acl, stat)),
  exchange(operations.sync, at, path),
  exchange(operations.whoAmI, {}, (writer) => {
    writer.vector([1, 2], () => {
      writer.string('digest')
      writer.string('user')
    })
  }),
  exchange(operations.addWatch.persistentRecursive, watching, error(0)),
  exchange(multi, { writes }, parts([13], [15, path, stat], [15, path, stat], [5, stat], [2])),
  exchange(
    multi,
    { writes },
    parts(...[0, 0, -110, -2, -2].map((code): Part => [-1, error(code)])),
  ),
  exchange(multiRead, { reads }, parts([4, data, stat], [8, names], [-1, error(-101)])),
]
