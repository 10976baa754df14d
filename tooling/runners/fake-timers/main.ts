// The embedded store in tests of users: its packages, packed and installed, under test runners with fake timers. Needs a build.
//   node --import tsx tooling/runners/fake-timers/main.ts [RUNNER…]
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, transform } from 'esbuild'
import { Registry } from '../../pack/registry.ts'
import type { Application } from '../../pack/registry.ts'
import { isTestFile, snippetsOf } from '../../test/readme-snippets.ts'

const README = 'packages/memory/README.md'
/** What a runner reports of a library that does not get on with its timers. Deprecations are those of the runners. */
const COMPLAINT = /warning|native timer|open handle|did not exit|failed to exit/i

/** What is installed beside the packages of this repository: the last versions that run on Node 20. */
const applications = {
  'jest-29': ['jest@29.7.0', 'jest-environment-jsdom@29.7.0'],
  current: ['jest@30.5.2', 'jest-environment-jsdom@30.5.2', 'vitest@3.2.4', 'jsdom@26.1.0'],
} as const

interface Runner {
  readonly name: string
  /** The application that the packages are installed in: two versions of one package need two. */
  readonly application: keyof typeof applications
  /** The adaptor in this folder. */
  readonly adaptor: string
  readonly imports: string
  readonly format: 'cjs' | 'esm'
  /** The docblock that chooses each environment. */
  readonly environments: Readonly<Record<string, string>>
  /** The file that the runner's settings are in, and the settings. */
  readonly settings?: readonly [string, string]
  readonly command: (files: readonly string[]) => readonly string[]
}

const JEST_SETTINGS = [
  'jest.config.cjs',
  "module.exports = { testMatch: ['**/*.case.cjs'], transform: {}, verbose: true }",
] as const
const VITEST_SETTINGS = [
  'vitest.config.mjs',
  "export default { test: { include: ['*.case.mjs'], reporters: 'verbose' } }",
] as const

const jest = (name: string, application: Runner['application']): Runner => ({
  name,
  application,
  adaptor: 'jest.ts',
  imports: '@jest/globals',
  format: 'cjs',
  environments: {
    node: '/** @jest-environment node */',
    jsdom: '/** @jest-environment jsdom */',
  },
  settings: JEST_SETTINGS,
  command: (files) => ['node_modules/jest/bin/jest.js', '--runInBand', ...files],
})

const runners: readonly Runner[] = [
  jest('jest-29', 'jest-29'),
  jest('jest-30', 'current'),
  {
    name: 'vitest',
    application: 'current',
    adaptor: 'vitest.ts',
    imports: 'vitest',
    format: 'esm',
    environments: {
      node: '// @vitest-environment node',
      jsdom: '// @vitest-environment jsdom',
    },
    settings: VITEST_SETTINGS,
    command: (files) => [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--no-file-parallelism',
      ...files,
    ],
  },
  ...(['esm', 'cjs'] as const).map((format): Runner => ({
    name: `node-test-${format}`,
    application: 'current',
    adaptor: 'node-test.ts',
    imports: 'node:test',
    format,
    environments: { node: '' },
    command: (files) => [
      // Node 20 has mocked timers on trial.
      '--disable-warning=ExperimentalWarning',
      ...['--test', '--test-reporter=spec', ...files],
    ],
  })),
]

const extension = { cjs: 'cjs', esm: 'mjs' }

/** Writes the tests of a runner: the cases, and the examples of the README, in each environment. Returns the files. */
async function writeTests({ folder }: Application, runner: Runner): Promise<string[]> {
  const { adaptor, imports, format, environments } = runner
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(adaptor, import.meta.url))],
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format,
    write: false,
  })
  const snippets = snippetsOf(readFileSync(README, 'utf8')).filter(
    (snippet) => isTestFile(snippet) && snippet.code.includes(`from '${imports}'`),
  )
  if (snippets.length === 0) throw new Error(`${README} has no example for ${imports}`)
  const examples = snippets.map(({ code }) =>
    transform(code, { loader: 'ts', format, target: 'node20', platform: 'node' }),
  )
  const tests: Record<string, string> = { cases: outputFiles[0]?.text ?? '' }
  for (const [i, { code }] of (await Promise.all(examples)).entries()) {
    tests[`readme-${String(i + 1)}`] = code
  }
  const files: string[] = []
  for (const [environment, docblock] of Object.entries(environments)) {
    for (const [name, code] of Object.entries(tests)) {
      const file = `${runner.name}-${environment}-${name}.case.${extension[format]}`
      await writeFile(join(folder, file), `${docblock}\n${code}`)
      files.push(file)
    }
  }
  if (runner.settings !== undefined) {
    const [file, settings] = runner.settings
    await writeFile(join(folder, file), settings)
  }
  return files
}

/** Runs the tests of a runner, shows what it prints, and reports whether all is well. */
async function test({ folder }: Application, runner: Runner, files: string[]): Promise<boolean> {
  const child = spawn(process.execPath, runner.command(files), {
    cwd: folder,
    env: { ...process.env, CI: 'true', NODE_OPTIONS: '--no-deprecation' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const show = (chunk: string): void => {
    output += chunk
    process.stdout.write(chunk)
  }
  child.stdout.setEncoding('utf8').on('data', show)
  child.stderr.setEncoding('utf8').on('data', show)
  const status = await new Promise((resolve) => child.on('close', resolve))
  const complaints = output.split('\n').filter((line) => COMPLAINT.test(line))
  for (const line of complaints) console.log(`✖ ${runner.name} complains: ${line}`)
  return status === 0 && complaints.length === 0
}

const packages = ['@libkv/core', '@libkv/discovery', '@libkv/leadership', '@libkv/memory']
const names = process.argv.slice(2)
const chosen = runners.filter(({ name }) => names.length === 0 || names.includes(name))
const registry = await Registry.pack()
try {
  for (const [name, brought] of Object.entries(applications)) {
    const installed = chosen.filter(({ application }) => application === name)
    if (installed.length === 0) continue
    console.log(`npm install ${[...packages, ...brought].join(' ')}`)
    const application = await registry.application(name, packages)
    await application.npmInstall(...brought)
    for (const runner of installed) {
      console.log(`\n${runner.name}`)
      const files = await writeTests(application, runner)
      if (!(await test(application, runner, files))) process.exitCode = 1
    }
  }
} finally {
  await registry.remove()
}
