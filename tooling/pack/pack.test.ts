// What users get: the packages packed, installed outside the workspace, loaded, compiled and bundled. Needs a build.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { copyFile, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Format } from 'esbuild'
import { Registry, run } from './registry.ts'
import type { Application, Exports, Manifest } from './registry.ts'
import { correctProgram, typedProgram, typos, untypedProgram } from './typos.ts'

const bin = (name: string): string =>
  fileURLToPath(new URL(`../../node_modules/.bin/${name}`, import.meta.url))

const manifests = new Map(
  readdirSync('packages').map((folder) => {
    const text = readFileSync(join('packages', folder, 'package.json'), 'utf8')
    return [`@libkv/${folder}`, JSON.parse(text) as Manifest]
  }),
)

const dependenciesOf = ({ dependencies = {} }: Manifest): string[] =>
  Object.keys(dependencies).filter((name) => !name.startsWith('@libkv/'))

/** The files that `exports` names. */
const targetsOf = (exports: Exports): string[] =>
  typeof exports === 'string' ? [exports] : Object.values(exports).flatMap(targetsOf)

let registry: Registry

before(async () => {
  registry = await Registry.pack()
})
after(async () => {
  await registry.remove()
})

const tarball = (name: string): string => {
  const path = registry.tarballs.get(name)
  assert.ok(path !== undefined, `${name} was not packed`)
  return path
}

it('covers every package', () => {
  assert.deepEqual([...registry.tarballs.keys()].sort(), [...manifests.keys()].sort())
})

for (const name of manifests.keys()) {
  describe(name, () => {
    let application: Application
    before(async () => {
      application = await registry.application(name.replace('@libkv/', 'only-'), [name])
      await application.npmInstall('--ignore-scripts')
    })

    it('is a sound package', async () => {
      await run('.', bin('publint'), ['run', tarball(name), '--strict'])
    })

    it('holds what runs and what compiles against it, and nothing else', async () => {
      const files = await application.filesOf(name)
      const needed = /^(LICENSE|README\.md|package\.json|dist\/[\w-]+\.(c?js|d\.c?ts))$/
      assert.deepEqual(
        files.filter((file) => !needed.test(file)),
        [],
      )
      const { exports } = await application.manifestOf(name)
      const targets = targetsOf(exports).map((target) => target.replace(/^\.\//, ''))
      assert.deepEqual(
        targets.filter((target) => !files.includes(target)),
        [],
      )
    })

    it('is a tarball of at most 200 kB', async () => {
      const { size } = await stat(tarball(name))
      assert.ok(size <= 200_000, `${String(size)} bytes`)
    })

    it('names its folder in the repository, and where to report a bug', async () => {
      const { repository, homepage, bugs } = await application.manifestOf(name)
      const directory = name.replace('@libkv', 'packages')
      const url = repository?.url.replace(/^git\+(.*)\.git$/, '$1')
      assert.equal(repository?.directory, directory)
      assert.equal(homepage, `${String(url)}/tree/main/${directory}#readme`)
      assert.equal(bugs, `${String(url)}/issues`)
      assert.equal(repository.url, manifests.get('@libkv/core')?.repository?.url)
    })

    it('has types for ES modules and for CommonJS', async () => {
      await run('.', bin('attw'), [tarball(name), '--no-emoji', '--no-color'])
    })

    it(`is of @libkv all that comes along${name === '@libkv/core' ? '' : ', but for core'}`, async () => {
      const installed = await application.installed()
      const ours = installed.filter((each) => each.startsWith('@libkv/'))
      assert.deepEqual(ours, [...new Set([name, '@libkv/core'])].sort())
    })

    it('brings along no client but its own', async () => {
      const own = dependenciesOf(await application.manifestOf(name))
      const installed = await application.installed()
      if (own.length === 0) assert.ok(installed.every((each) => each.startsWith('@libkv/')))
      const foreign = [...manifests.values()].flatMap(dependenciesOf)
      assert.deepEqual(
        foreign.filter((each) => installed.includes(each) && !own.includes(each)),
        [],
      )
    })

    it('runs no script when it is installed', async () => {
      const { scripts = {} } = await application.manifestOf(name)
      const hooks = ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare', 'prepare']
      assert.deepEqual(
        hooks.filter((hook) => hook in scripts),
        [],
      )
    })
  })
}

describe('core and etcd, installed with npm', () => {
  let application: Application
  before(async () => {
    application = await registry.application('flat', ['@libkv/core', '@libkv/etcd'])
    await application.npmInstall('@types/node@20')
  })

  for (const file of ['load.mjs', 'load.cjs']) {
    it(`${file} loads them by name, by URL and by import`, async () => {
      assert.match(await application.node(file), /loaded/)
    })

    it(`${file} does so from another working directory, started through a link`, async () => {
      const link = join(await mkdtemp(join(tmpdir(), 'libkv-bin-')), file)
      await symlink(join(application.folder, file), link)
      try {
        assert.match(await run('/', process.execPath, [link]), /loaded/)
      } finally {
        await rm(dirname(link), { recursive: true })
      }
    })
  }

  describe('types', () => {
    const versions = ['5.4.5', '5.9.3', '6.0.3', '7.0.2']
    let compilers: Application
    before(async () => {
      compilers = await registry.application('compilers', [])
      await compilers.npmInstall(
        ...versions.map((version) => `typescript-${version}@npm:typescript@${version}`),
      )
      await copyFile(
        join(application.folder, 'types.ts'),
        join(application.folder, 'types-cjs.cts'),
      )
    })

    const settings = [
      '--noEmit --strict --exactOptionalPropertyTypes --skipLibCheck false --types node',
      '--target es2022 --lib es2022,esnext.disposable',
    ].join(' ')
    for (const version of versions) {
      for (const [module, resolution] of [
        ['nodenext', 'nodenext'],
        ['esnext', 'bundler'],
      ] as const) {
        it(`compile with TypeScript ${version}, module resolution ${resolution}`, async () => {
          const files = module === 'nodenext' ? ['types.ts', 'types-cjs.cts'] : ['types.ts']
          await application.node(
            join(compilers.folder, `node_modules/typescript-${version}/bin/tsc`),
            ...settings.split(' '),
            ...['--module', module, '--moduleResolution', resolution],
            ...files,
          )
        })
      }
    }
  })
})

describe('all backends and recipes', () => {
  let application: Application
  before(async () => {
    application = await registry.application('typos', [...manifests.keys()])
    await application.npmInstall('@types/node@20')
    for (const [file, program] of Object.entries({
      'typos.mts': typedProgram,
      'correct.mts': correctProgram,
      'typos.mjs': untypedProgram,
    })) {
      await writeFile(join(application.folder, file), program)
    }
  })

  for (const version of ['5.4.5', '5.9.3', '7.0.2']) {
    it(`are typed, so that TypeScript ${version} finds each of ${String(typos.length)} typos`, async () => {
      const compiler = await registry.application(`typescript-${version}`, [])
      await compiler.npmInstall(`typescript@${version}`)
      await application.node(
        join(compiler.folder, 'node_modules/typescript/bin/tsc'),
        ...'--noEmit --strict --skipLibCheck false --types node --module nodenext'.split(' '),
        ...'--target es2022 --lib es2022,esnext.disposable typos.mts correct.mts'.split(' '),
      )
    })
  }

  it('refuse each of them in a program without types', async () => {
    assert.equal((await application.node('typos.mjs')).trim(), `refused ${String(typos.length)}`)
  })
})

describe('core and zookeeper, installed without a compiler', () => {
  let application: Application
  before(async () => {
    application = await registry.application('zookeeper', ['@libkv/core', '@libkv/zookeeper'])
    await application.npmInstall()
  })

  for (const file of ['load-zookeeper.mjs', 'load-zookeeper.cjs']) {
    it(`${file} loads them by both names, by URL and by import`, async () => {
      assert.match(await application.node(file), /loaded/)
    })
  }
})

describe('core and etcd, installed with pnpm', () => {
  let application: Application
  before(async () => {
    application = await registry.application('isolated', ['@libkv/core', '@libkv/etcd'])
    await application.pnpmInstall()
  })

  for (const file of ['load.mjs', 'load.cjs']) {
    it(`${file} loads them by name, by URL and by import`, async () => {
      assert.match(await application.node(file), /loaded/)
    })
  }
})

describe('a bundle', () => {
  let application: Application
  before(async () => {
    application = await registry.application('bundle', [
      '@libkv/core',
      '@libkv/etcd',
      '@libkv/memory',
    ])
    await application.npmInstall()
  })

  for (const format of ['esm', 'cjs'] satisfies Format[]) {
    it(`as ${format} works with factories`, async () => {
      const outfile = `bundle.${format === 'esm' ? 'mjs' : 'cjs'}`
      await build({
        absWorkingDir: application.folder,
        entryPoints: ['bundled.mjs'],
        bundle: true,
        platform: 'node',
        target: 'node20',
        format,
        outfile,
        // etcd3 reads a .proto file that lies next to it, and has to share gRPC with @libkv/etcd.
        external: ['etcd3', '@grpc/grpc-js'],
        logLevel: 'silent',
      })
      assert.match(await application.node(outfile), /loaded/)
    })
  }
})
