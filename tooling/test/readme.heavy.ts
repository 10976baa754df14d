import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from '@jest/globals'
import { ProgramFolder, nameOf, readmes, root } from './readme-programs.ts'

describe('the examples', () => {
  it('compile in a strict program', async () => {
    using folder = new ProgramFolder('compile')
    const files = readmes.flatMap(({ path, snippets }) =>
      folder.write(nameOf(path), snippets, () => 'localhost:1'),
    )
    const config = {
      extends: '../../tsconfig.json',
      files: files.filter((file) => file.endsWith('.ts')),
      include: [],
    }
    writeFileSync(join(folder.path, 'tsconfig.json'), JSON.stringify(config))
    const tsc = require.resolve('typescript/bin/tsc')
    const compiling = promisify(execFile)(process.execPath, [tsc, '-p', folder.path], { cwd: root })
    const output = await compiling.then(
      () => '',
      (error: unknown) => (error as { stdout: string }).stdout,
    )
    // What is wrong in the packages themselves is shown elsewhere.
    expect(output.split('\n').filter((line) => line.includes('.readme/'))).toEqual([])
  })
})
