// Bundles of the packages as users get them, each run alone in an empty folder. Needs a build, and a server of ZooKeeper.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, rename, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { startServers } from '@libkv/testing/servers'
import type { Servers } from '@libkv/testing/servers'
import { bundlers } from './bundlers.ts'
import { Registry } from './registry.ts'
import type { Application } from './registry.ts'

const backends = ['memory', 'zookeeper'] as const
type Backend = (typeof backends)[number]

// What each bundler makes of an entry. Rollup reads ES modules only, and esbuild's ES modules have no `require`.
const bundled: readonly (readonly [bundler: string, from: string, to: string])[] = [
  ...['esbuild', 'rollup', 'webpack'].flatMap((bundler) => [
    [bundler, 'mjs', 'mjs'] as const,
    [bundler, 'mjs', 'cjs'] as const,
  ]),
  ['esbuild', 'cjs', 'cjs'],
  ['webpack', 'cjs', 'cjs'],
  ['webpack', 'cjs', 'mjs'],
]

const formats: Readonly<Record<string, string>> = { mjs: 'an ES module', cjs: 'CommonJS' }

let registry: Registry
let servers: Servers

before(async () => {
  ;[registry, servers] = await Promise.all([Registry.pack(), startServers('zookeeper')])
})
after(async () => {
  await Promise.all([registry.remove(), servers[Symbol.asyncDispose]()])
})

const addresses: Readonly<Record<Backend, () => readonly string[]>> = {
  memory: () => ['orders'],
  zookeeper: () => servers.endpoints,
}

async function bundle(
  { folder }: Application,
  backend: Backend,
  [bundler, from, to]: (typeof bundled)[number],
): Promise<string> {
  const outfile = `${backend}-${bundler}-${from}.${to}`
  const warnings = await bundlers[bundler]?.({
    folder,
    entry: `bundled-${backend}.${from}`,
    outfile,
  })
  assert.deepEqual(warnings, [])
  return join(folder, outfile)
}

/** Runs a program alone in an empty folder until it exits by itself, and returns its output. */
async function runAlone(program: string, args: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(registry.folder, 'alone-'))
  const copy = join(folder, 'program' + program.slice(program.lastIndexOf('.')))
  await copyFile(program, copy)
  const settings = { cwd: folder, env: { ...process.env, NODE_OPTIONS: '' }, timeout: 60_000 }
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [copy, ...args], settings)
  return stdout + stderr
}

for (const backend of backends) {
  describe(`${backend}, installed and bundled`, () => {
    let application: Application
    before(async () => {
      application = await registry.application(`bundled-${backend}`, [
        '@libkv/core',
        `@libkv/${backend}`,
      ])
      await application.npmInstall()
    })

    for (const way of bundled) {
      const [bundler, from, to] = way
      const what = `${formats[to]} from ${formats[from]}`
      it(`by ${bundler} as ${what} gives no warning, and runs alone`, async () => {
        const program = await bundle(application, backend, way)
        assert.equal(await runAlone(program, addresses[backend]()), 'exercised\n')
      })
    }
  })
}

describe('memory, linked from outside node_modules and bundled', () => {
  let application: Application
  before(async () => {
    application = await registry.application('linked', ['@libkv/core', '@libkv/memory'])
    await application.npmInstall()
    const scope = join(application.folder, 'node_modules/@libkv')
    const outside = join(application.folder, 'packages')
    await rename(scope, outside)
    await symlink(outside, scope)
  })

  for (const way of bundled) {
    const [bundler, from, to] = way
    it(`by ${bundler} as ${formats[to]} from ${formats[from]} gives no warning`, async () => {
      await bundle(application, 'memory', way)
    })
  }
})
