import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { startServers } from '@libkv/testing/servers'
import type { Servers } from '@libkv/testing/servers'
import { ProgramFolder, nameOf, readmes, root } from './readme-programs.ts'
import { backendsOf, isTestFile, snippetsOf, withServers } from './readme-snippets.ts'
import type { Backend, Snippet } from './readme-snippets.ts'

/** What no snippet prints. */
const MARK = '\u001e'

const servers = new Map<Backend, Servers>()
let folder: ProgramFolder

beforeAll(async () => {
  folder = new ProgramFolder('run')
  const needed = new Set(readmes.flatMap(({ snippets }) => snippets.flatMap(backendsOf)))
  for (const backend of needed) servers.set(backend, await startServers(backend))
})

afterAll(async () => {
  folder[Symbol.dispose]()
  for (const server of servers.values()) await server[Symbol.asyncDispose]()
})

function addressOf(backend: Backend): string {
  const endpoint = servers.get(backend)?.endpoints[0] ?? ''
  return endpoint.replace(/^https?:\/\//, '')
}

/** Runs the snippets of one README one after the other in one process, and gives what each has printed. */
async function run(name: string, snippets: readonly Snippet[]): Promise<string[]> {
  const files = folder.write(name, snippets, addressOf)
  const main = join(folder.path, `${name}.js`)
  const lines = files.flatMap((file) => [
    `process.stdout.write('${MARK}')`,
    `await import('./${file}')`,
  ])
  writeFileSync(main, lines.join('\n'))
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=@libkv/source', '--import', 'tsx', main],
    // A snippet that leaves something open keeps the process from its end.
    { cwd: root, timeout: 100_000, env: { ...process.env, NO_COLOR: '1' } },
  )
  return stdout.split(MARK).slice(1)
}

describe('the examples', () => {
  it.each(readmes)('of $path run, end by themselves, and print what it says', async (readme) => {
    const { path, snippets } = readme
    const printed = await run(nameOf(path), snippets)
    for (const [i, { line, output }] of snippets.entries()) {
      const where = `${path}:${String(line)}`
      if (output === undefined) continue
      expect({ where, output: printed[i]?.trimEnd() }).toEqual({ where, output })
    }
    expect(printed).toHaveLength(snippets.length)
  })

  it('of core and of the embedded store are among them', () => {
    const paths = readmes.map(({ path }) => path)
    expect(paths).toEqual(
      expect.arrayContaining(['packages/core/README.md', 'packages/memory/README.md']),
    )
  })

  it('that are wrong are noticed', async () => {
    const snippet = (code: string): Snippet => ({
      line: 1,
      language: 'ts',
      code,
      output: undefined,
    })
    await expect(run('throws', [snippet("throw new Error('wrong')")])).rejects.toThrow('wrong')
    const lie = snippet("console.log('one' satisfies string)\nconsole.log(2)")
    expect(await run('prints', [lie, snippet('console.log(3)')])).toEqual(['one\n2\n', '3\n'])
  })
})

describe('the snippets of a README', () => {
  const markdown = [
    '# Title',
    '```sh',
    'npm install',
    '```',
    '```ts',
    "const a = '`'",
    '',
    'console.log(a)',
    '```',
    '',
    '```text',
    '`',
    '```',
    '```ts no-run',
    'never()',
    '```',
    '- in a list',
    '  ```js',
    '  if (true) {',
    '    done()',
    '  }',
    '  ```',
    'Words in between.',
    '```text',
    'not its output',
    '```',
  ].join('\n')

  it('are its ts and js fences, with the text fence right behind as their output', () => {
    expect(snippetsOf(markdown)).toEqual([
      { line: 5, language: 'ts', code: "const a = '`'\n\nconsole.log(a)", output: '`' },
      { line: 18, language: 'js', code: 'if (true) {\n  done()\n}', output: undefined },
    ])
  })

  it('without an end are an error', () => {
    expect(() => snippetsOf('```ts\nnever()')).toThrow('line 1')
  })

  it('are tests where they import a test runner', () => {
    const [snippet] = snippetsOf("```ts\nimport { it } from 'vitest'\n```")
    expect(snippet && isTestFile(snippet)).toBe(true)
    const [program] = snippetsOf(markdown)
    expect(program && isTestFile(program)).toBe(false)
  })

  it('talk to the servers whose ports they name', () => {
    const code = "a('localhost:2379', '127.0.0.1:8500')\nb('10.0.0.1:2379', 'localhost:23790')"
    const [snippet] = snippetsOf(`\`\`\`ts\n${code}\n\`\`\``)
    expect(snippet && backendsOf(snippet)).toEqual(['etcd', 'consul'])
    expect(withServers(code, (backend) => `${backend}:1`)).toBe(
      "a('etcd:1', 'consul:1')\nb('10.0.0.1:2379', 'localhost:23790')",
    )
  })
})
