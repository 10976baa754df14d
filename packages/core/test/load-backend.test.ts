import { execFileSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'

/** An application far from this repository, installed the way pnpm does: what core depends on is all that it has next to it. */
let root: string
let app: string

/** Packs a module and all that it imports into one file, as users do with their applications. */
function bundle(entry: string, outfile: string, format: 'esm' | 'cjs'): void {
  const esbuild = require.resolve('esbuild/bin/esbuild')
  execFileSync(process.execPath, [
    esbuild,
    entry,
    `--outfile=${outfile}`,
    `--format=${format}`,
    '--bundle',
    '--platform=node',
    '--target=node20',
    '--log-level=error',
  ])
}

function write(path: string, ...lines: string[]): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, lines.join('\n'))
  return path
}

function link(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path)
}

const copy = (from: string, to: string): void => {
  cpSync(realpathSync(from), to, { recursive: true })
}

/** Installs a package into an isolated layout, without its files. */
function install(project: string, name: string, manifest: object): string {
  const short = name.slice('@libkv/'.length)
  const folder = join(project, `node_modules/.pnpm/@libkv+${short}@1.0.0/node_modules/${name}`)
  write(join(folder, 'package.json'), JSON.stringify({ name, version: '1.0.0', ...manifest }))
  link(folder, join(project, 'node_modules', name))
  return folder
}

/** Installs a backend that opens what says where it was loaded from. */
function installBackend(project: string, name: string, exported = name): void {
  const folder = install(project, `@libkv/${name}`, { main: './index.cjs' })
  const text = `exports[${JSON.stringify(exported)}] = (addresses) => ({ backend: ${JSON.stringify(name)}, addresses })`
  write(join(folder, 'index.cjs'), text)
}

/** Runs a program and gives what it printed. */
function run(cwd: string, ...args: string[]): string {
  // Those that started the tests may have said where else to look.
  const env = { ...process.env, NODE_OPTIONS: '', NODE_PATH: '' }
  return execFileSync(process.execPath, args, { cwd, env, encoding: 'utf8' }).trim()
}

const report = [
  "newStore(process.argv[2] ?? 'consul', ['h:1']).then(",
  "  ({ backend, addresses }) => console.log('opened', backend, ...addresses),",
  '  (error) => console.log(error.code, error.message),',
  ')',
]
const asModule = ["import { newStore } from '@libkv/core'", ...report]
const asCommonJs = ["const { newStore } = require('@libkv/core')", ...report]

beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'libkv-app-')))
  app = join(root, 'app')
  const core = install(app, '@libkv/core', {
    exports: { import: './index.mjs', require: './index.cjs' },
  })
  const source = join(__dirname, '../src/index.ts')
  bundle(source, join(core, 'index.mjs'), 'esm')
  bundle(source, join(core, 'index.cjs'), 'cjs')
  installBackend(app, 'consul')
  installBackend(app, 'broken', 'something-else')
  write(join(app, 'package.json'), '{}')
  write(join(app, 'src/main.mjs'), ...asModule)
  write(join(app, 'src/main.cjs'), ...asCommonJs)
  mkdirSync(join(root, 'elsewhere'))
})

afterAll(() => {
  rmSync(root, { recursive: true })
})

describe('a backend loaded by name', () => {
  it.each(['main.mjs', 'main.cjs'])(
    'is found beside the program, wherever that runs: %s',
    (file) => {
      expect(run(join(root, 'elsewhere'), join(app, 'src', file))).toBe('opened consul h:1')
    },
  )

  it('is found from the working directory where there is no program', () => {
    expect(run(app, '--input-type=module', '-e', asModule.join('\n'))).toBe('opened consul h:1')
    expect(run(app, '-e', asCommonJs.join('\n'))).toBe('opened consul h:1')
  })

  it('is found for a program that was started as a folder', () => {
    const folder = join(root, 'service')
    write(join(folder, 'package.json'), JSON.stringify({ main: './main.cjs' }))
    write(join(folder, 'main.cjs'), ...asCommonJs)
    link(join(app, 'node_modules'), join(folder, 'node_modules'))
    expect(run(join(root, 'elsewhere'), folder)).toBe('opened consul h:1')
    expect(run(folder, '.')).toBe('opened consul h:1')
  })

  it('is found for a program that was started through a link, as those in .bin are', () => {
    const bin = join(root, 'bin/program')
    link(join(app, 'src/main.cjs'), bin)
    expect(run(join(root, 'elsewhere'), bin)).toBe('opened consul h:1')
  })

  it('is found by a bundle that has core within', () => {
    const bundled = join(app, 'dist/bundle.mjs')
    bundle(join(app, 'src/main.mjs'), bundled, 'esm')
    expect(run(join(root, 'elsewhere'), bundled)).toBe('opened consul h:1')
  })

  it('is found in the workspace package that runs, not only at its root', () => {
    const workspace = join(root, 'workspace')
    const web = join(workspace, 'packages/web')
    link(join(app, 'node_modules/@libkv/core'), join(workspace, 'node_modules/@libkv/core'))
    installBackend(web, 'etcd')
    const main = write(join(web, 'main.mjs'), ...asModule)
    expect(run(workspace, main, 'etcd')).toBe('opened etcd h:1')
  })

  it('is found next to core, where a package of the workspace owns both', () => {
    const workspace = join(root, 'hoisted')
    const shared = join(workspace, 'packages/shared')
    const store = join(workspace, 'node_modules/.pnpm/@libkv+core@1.0.0/node_modules/@libkv/core')
    copy(join(app, 'node_modules/@libkv/core'), store)
    link(store, join(shared, 'node_modules/@libkv/core'))
    installBackend(workspace, 'zookeeper')
    link(
      join(workspace, 'node_modules/.pnpm/@libkv+zookeeper@1.0.0/node_modules/@libkv/zookeeper'),
      join(workspace, 'node_modules/.pnpm/node_modules/@libkv/zookeeper'),
    )
    rmSync(join(workspace, 'node_modules/@libkv'), { recursive: true })
    write(join(shared, 'open.mjs'), ...asModule)
    const main = write(join(workspace, 'apps/web/main.mjs'), `import '${join(shared, 'open.mjs')}'`)
    expect(run(root, main, 'zookeeper')).toBe('opened zookeeper h:1')
  })

  it('is found from the module that is named', () => {
    const workspace = join(root, 'owned')
    const shared = join(workspace, 'packages/shared')
    link(join(app, 'node_modules/@libkv/core'), join(shared, 'node_modules/@libkv/core'))
    installBackend(shared, 'memory')
    const program = (options: string): string =>
      asModule.join('\n').replace("['h:1']", `['h:1'], ${options}`)
    write(join(shared, 'blind.mjs'), program('{}'))
    write(join(shared, 'open.mjs'), program('{ from: import.meta.url }'))
    const main = (file: string): string =>
      write(join(workspace, `apps/web/${file}`), `import '${join(shared, file)}'`)
    expect(run(root, main('blind.mjs'), 'memory')).toMatch(
      /^BACKEND_UNKNOWN .*looked from .*apps.web/,
    )
    expect(run(root, main('open.mjs'), 'memory')).toBe('opened memory h:1')
  })

  it('is not loaded from the working directory of a program', () => {
    const hostile = join(root, 'hostile')
    installBackend(hostile, 'etcd')
    expect(run(hostile, join(app, 'src/main.mjs'), 'etcd')).toMatch(/^BACKEND_UNKNOWN /)
  })

  it('that is not installed is BACKEND_UNKNOWN, naming what is there and what to install', () => {
    const answer = run(app, join(app, 'src/main.mjs'), 'etcd')
    expect(answer).toMatch(
      /^BACKEND_UNKNOWN backend 'etcd' is not installed \(installed: consul\); looked from .*npm install @libkv\/etcd/,
    )
  })

  it('in an application that has none says so', () => {
    const bare = join(root, 'bare')
    copy(join(app, 'node_modules/@libkv/core'), join(bare, 'node_modules/@libkv/core'))
    const answer = run(bare, write(join(bare, 'main.mjs'), ...asModule))
    expect(answer).toMatch(/^BACKEND_UNKNOWN .*none is installed.*npm install @libkv\/consul/)
  })

  it('that is something else is BACKEND_UNKNOWN, saying what it lacks', () => {
    const answer = run(app, join(app, 'src/main.mjs'), 'broken')
    expect(answer).toBe("BACKEND_UNKNOWN @libkv/broken exports no function 'broken'")
  })

  it('shares one registry between the ES module and the CommonJS copy of core', () => {
    const program = write(
      join(app, 'src/both.mjs'),
      "import { createRequire } from 'node:module'",
      "import { isLibkvError, newStore } from '@libkv/core'",
      "const core = createRequire(import.meta.url)('@libkv/core')",
      "core.registerBackend('mine', (addresses) => ({ backend: 'mine', addresses }))",
      "const { backend } = await newStore('mine')",
      "const error = new core.LibkvError('TIMEOUT', 'late')",
      "console.log(core.newStore !== newStore, backend, isLibkvError(error, 'TIMEOUT'))",
    )
    expect(run(app, program)).toBe('true mine true')
  })
})
