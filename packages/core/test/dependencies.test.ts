import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'

interface Manifest {
  readonly name: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const packages = join(__dirname, '../..')
const manifests = readdirSync(packages, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .filter(({ name }) => existsSync(join(packages, name, 'package.json')))
  .map(({ name }) => {
    const text = readFileSync(join(packages, name, 'package.json'), 'utf8')
    return { folder: name, manifest: JSON.parse(text) as Manifest }
  })

const core = '@libkv/core'

/** What each package may bring of this repository, directly. Whoever adds a package decides here where it stands. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  memory: [core],
  consul: [core],
  etcd: [core],
  zookeeper: [core],
  leadership: [core],
  discovery: [core],
  conformance: [],
  cli: [
    core,
    '@libkv/consul',
    '@libkv/discovery',
    '@libkv/etcd',
    '@libkv/leadership',
    '@libkv/memory',
    '@libkv/zookeeper',
  ],
}

/** What each package may bring from elsewhere: the wire of its backend, and nothing where it is not named. */
const wires: Readonly<Record<string, readonly string[]>> = {
  consul: ['consul', 'undici'],
  etcd: ['etcd3', '@grpc/grpc-js', 'protobufjs'],
}

const brings = ({ dependencies, optionalDependencies }: Manifest): string[] =>
  Object.keys({ ...dependencies, ...optionalDependencies })

const isOurs = (name: string): boolean => name.startsWith('@libkv/')

/** What an import names: a package, without the path within. */
const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

/** The packages that the sources of a package import. */
function imports(folder: string): string[] {
  const source = join(packages, folder, 'src')
  const specifiers = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const text = readFileSync(join(source, file), 'utf8')
      return [...text.matchAll(/^(?:import|export)\b[^'"]*?from '([^']+)'/gm)].map(
        ([, name]) => name,
      )
    })
    .filter((name) => name !== undefined)
    .filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
  return [...new Set(specifiers.map(packageOf))].sort()
}

describe('the packages of this repository', () => {
  it('are named as their folders, and each has its place', () => {
    for (const { folder, manifest } of manifests) {
      expect(manifest.name).toBe(`@libkv/${folder}`)
      expect(Object.keys(allowed)).toContain(folder)
    }
    expect(manifests.map(({ folder }) => folder)).toEqual(
      expect.arrayContaining(['conformance', 'core', 'memory']),
    )
  })

  it.each(manifests)('depend one way: $folder', ({ folder, manifest }) => {
    const names = brings(manifest)
    expect(allowed[folder]).toEqual(expect.arrayContaining(names.filter(isOurs)))
    expect(wires[folder] ?? []).toEqual(
      expect.arrayContaining(names.filter((name) => !isOurs(name))),
    )
  })

  it.each(manifests)('import nothing that they do not bring: $folder', ({ folder, manifest }) => {
    const brought = [...brings(manifest), ...Object.keys(manifest.peerDependencies ?? {})]
    expect(brought).toEqual(expect.arrayContaining(imports(folder)))
  })

  it('leave the choice of core to whoever runs the conformance suite', () => {
    const { manifest } = manifests.find(({ folder }) => folder === 'conformance') ?? {}
    expect(manifest && brings(manifest)).toEqual([])
    expect(Object.keys(manifest?.peerDependencies ?? {})).toEqual([core])
  })

  it('have no peers beyond that', () => {
    for (const { folder, manifest } of manifests) {
      if (folder !== 'conformance') expect(manifest.peerDependencies).toBeUndefined()
    }
  })
})
