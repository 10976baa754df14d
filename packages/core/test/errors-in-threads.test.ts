import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from '@jest/globals'
import { LibkvError, isLibkvError } from '../src/index.ts'
import type { LibkvErrorJSON } from '../src/index.ts'

const source = join(__dirname, '../src/index.ts')

/** A program that sends an error. */
const program = (imports: string, send: string): string => `
  ${imports}
  const error = new LibkvError('KEY_EXISTS', 'put on etcd: no answer', {
    backend: 'etcd',
    key: 'a',
    retryable: true,
    ambiguous: true,
    current: null,
    cause: new Error('socket closed'),
  })
  ${send}`

function expectSame(message: unknown): void {
  const error = LibkvError.fromJSON(message as LibkvErrorJSON)
  expect(isLibkvError(error, 'KEY_EXISTS')).toBe(true)
  expect(error).toBeInstanceOf(Error)
  expect(error.toJSON()).toEqual({
    name: 'LibkvError',
    code: 'KEY_EXISTS',
    message: 'put on etcd: no answer',
    backend: 'etcd',
    key: 'a',
    retryable: true,
    ambiguous: true,
    current: null,
  })
}

describe('an error', () => {
  it('comes back from a worker thread by its JSON', async () => {
    // tsx puts nothing into worker threads by itself.
    const imports = `
      require(${JSON.stringify(require.resolve('tsx/cjs'))})
      const { parentPort } = require('node:worker_threads')
      const { LibkvError } = require(${JSON.stringify(source)})`
    const code = program(imports, 'parentPort.postMessage(error.toJSON())')
    const worker = new Worker(code, { eval: true })
    const [message] = (await once(worker, 'message')) as unknown[]
    expectSame(message)
    await worker.terminate()
  })

  it.each(['json', 'advanced'] as const)(
    'comes back from a child process by its JSON, with the serialization %p',
    async (serialization) => {
      const imports = `import { LibkvError } from '${pathToFileURL(source).href}'`
      const code = program(imports, 'process.send(error.toJSON())')
      const child = spawn(
        process.execPath,
        ['--import=tsx', '--input-type=module', '--eval', code],
        { serialization, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
      )
      const exited = once(child, 'exit')
      const [message] = (await once(child, 'message')) as unknown[]
      expectSame(message)
      child.disconnect()
      await exited
    },
  )
})
