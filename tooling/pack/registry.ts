import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const pnpm = fileURLToPath(new URL('../pnpm.mjs', import.meta.url))
const tarballs = fileURLToPath(new URL('tarballs.mjs', import.meta.url))
const sources = fileURLToPath(new URL('app', import.meta.url))

/** The targets of `exports`, below their conditions. */
export type Exports = string | { readonly [key: string]: Exports }

export interface Manifest {
  readonly exports: Exports
  readonly repository?: { readonly url: string; readonly directory?: string }
  readonly homepage?: string
  readonly bugs?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly scripts?: Readonly<Record<string, string>>
}

/** The packages as they would be published, in a folder outside the workspace, with applications that install them. */
export class Registry {
  readonly folder: string
  /** The path of each package's tarball. */
  readonly tarballs: ReadonlyMap<string, string>

  private constructor(folder: string, tarballs: ReadonlyMap<string, string>) {
    this.folder = folder
    this.tarballs = tarballs
  }

  static async pack(): Promise<Registry> {
    const folder = await mkdtemp(join(tmpdir(), 'libkv-pack-'))
    await run('.', process.execPath, [tarballs, folder])
    const paths = new Map<string, string>()
    for (const file of await readdir(folder)) {
      const name = /^libkv-(.*?)-\d.*\.tgz$/.exec(file)?.[1]
      if (name !== undefined) paths.set(`@libkv/${name}`, join(folder, file))
    }
    return new Registry(folder, paths)
  }

  /** An application that depends on these packages, each from its tarball, whoever asks for it. */
  async application(name: string, packages: readonly string[]): Promise<Application> {
    const folder = join(this.folder, name)
    await mkdir(folder)
    const local = Object.fromEntries(
      [...this.tarballs].map(([each, tarball]) => [each, `file:${tarball}`]),
    )
    const dependencies = Object.fromEntries(packages.map((each) => [each, local[each]]))
    const overrides = Object.fromEntries(
      Object.entries(local).filter(([each]) => !packages.includes(each)),
    )
    const manifest = { private: true, dependencies, overrides, pnpm: { overrides: local } }
    await writeFile(join(folder, 'package.json'), JSON.stringify(manifest))
    await cp(sources, folder, { recursive: true })
    return new Application(folder)
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** A folder with a package.json, outside the workspace. */
export class Application {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  /** Installs flat, as npm does. */
  async npmInstall(...more: readonly string[]): Promise<void> {
    await this.run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...more])
  }

  /** Installs isolated, as pnpm does: no package sees what it does not depend on. */
  async pnpmInstall(): Promise<void> {
    await this.run(process.execPath, [pnpm, 'install', '--prefer-offline', '--ignore-workspace'])
  }

  /** The names of all packages that were installed, whoever wanted them. */
  async installed(): Promise<string[]> {
    interface Tree {
      readonly dependencies?: Readonly<Record<string, Tree>>
    }
    const names = new Set<string>()
    const visit = ({ dependencies = {} }: Tree): void => {
      for (const [name, tree] of Object.entries(dependencies)) {
        names.add(name)
        visit(tree)
      }
    }
    visit(JSON.parse(await this.run('npm', ['ls', '--all', '--json'])) as Tree)
    return [...names].sort()
  }

  /** The paths of all files of an installed package, sorted. */
  async filesOf(name: string): Promise<string[]> {
    const folder = join(this.folder, 'node_modules', name)
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
      .sort()
  }

  /** The package.json of an installed package. */
  async manifestOf(name: string): Promise<Manifest> {
    const file = join(this.folder, 'node_modules', name, 'package.json')
    return JSON.parse(await readFile(file, 'utf8')) as Manifest
  }

  async node(...args: readonly string[]): Promise<string> {
    return await this.run(process.execPath, args)
  }

  async run(command: string, args: readonly string[]): Promise<string> {
    return await run(this.folder, command, args)
  }
}

/** Runs a command in a folder, and gives what it printed; fails with that when it fails. */
export async function run(
  folder: string,
  command: string,
  args: readonly string[],
): Promise<string> {
  return await new Promise((resolve, reject) => {
    const settings = { cwd: folder, env: { ...process.env, CI: 'true', NODE_OPTIONS: '' } }
    execFile(command, args, settings, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`))
    })
  })
}
