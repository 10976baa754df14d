import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from '@jest/globals'

it('emits one warning in a cluster worker, and none in the primary', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'libkv-cluster-'))
  const program = join(folder, 'main.mjs')
  const source = pathToFileURL(join(__dirname, '../src/index.ts')).href
  await writeFile(
    program,
    `import cluster from 'node:cluster'
     import { memory } from '${source}'
     process.on('warning', ({ code }) => console.log(cluster.isWorker ? 'worker' : 'primary', code))
     await memory(['a']).close()
     await memory(['b']).close()
     if (cluster.isPrimary) cluster.fork()
     else cluster.worker.disconnect()`,
  )
  try {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--conditions=@libkv/source', '--import=tsx', program],
      { cwd: join(__dirname, '../../..'), timeout: 30_000 },
    )
    expect(stdout.trim().split('\n')).toEqual(['worker LIBKV_MEMORY_IN_CLUSTER'])
    expect(stderr).toContain('each worker has data of its own')
  } finally {
    await rm(folder, { recursive: true })
  }
})
