import { existsSync, readFileSync } from 'node:fs'

import { fetchPrograms, findProgram } from './binaries.ts'
import type { Program } from './binaries.ts'
import { imageLabels, whyNoDocker } from './docker-api.ts'
import type { Backend } from './recipe.ts'
import { repositoryPath } from './repository.ts'
import { pullImage } from './testcontainers.ts'

/** Where the servers of a backend come from. */
export type Provision =
  | { readonly kind: 'external'; readonly endpoints: readonly string[] }
  | { readonly kind: 'container'; readonly image: string; readonly version: string }
  | ({ readonly kind: 'process' } & Program)

type Runtime = 'container' | 'process'

const backends: readonly Backend[] = ['etcd', 'consul', 'zookeeper']

/** The backends to test with: those that LIBKV_TEST_BACKENDS names, or those whose package is in this repository. */
export function selectedBackends(): Backend[] {
  const named = process.env['LIBKV_TEST_BACKENDS']
  if (named === undefined) {
    return backends.filter((name) => isPublished(name))
  }
  return named
    .split(',')
    .filter(Boolean)
    .map((name) => {
      const backend = backends.find((known) => known === name.trim())
      if (!backend)
        throw new Error(`LIBKV_TEST_BACKENDS=${named}: expected some of ${backends.join(',')}`)
      return backend
    })
}

/** The backends whose package is here but not finished: it is private, and tested on demand only. */
export function unfinishedBackends(): Backend[] {
  return backends.filter((name) => isHere(name) && !isPublished(name))
}

const manifestOf = (name: Backend): string => repositoryPath('packages', name, 'package.json')

const isHere = (name: Backend): boolean => existsSync(manifestOf(name))

function isPublished(name: Backend): boolean {
  if (!isHere(name)) return false
  const { private: isPrivate = false } = JSON.parse(readFileSync(manifestOf(name), 'utf8')) as {
    private?: boolean
  }
  return !isPrivate
}

const officialImages: Record<Backend, string> = {
  etcd: 'quay.io/coreos/etcd:v3.5.21',
  consul: 'hashicorp/consul:1.20',
  zookeeper: 'zookeeper:3.9',
}

const offline = (): boolean => process.env['LIBKV_TEST_OFFLINE'] === '1'

/** An image to run, or undefined with the reasons added to `tried`. */
async function findImage(backend: Backend, tried: string[]): Promise<Provision | undefined> {
  const why = await whyNoDocker()
  if (why !== undefined) {
    tried.push(`containers: ${why}`)
    return undefined
  }
  const official =
    process.env[`LIBKV_TEST_${backend.toUpperCase()}_IMAGE`] ?? officialImages[backend]
  const local = `localhost/libkv-test/${backend}:local`
  for (const image of [official, local]) {
    const labels = await imageLabels(image)
    if (!labels) continue
    const version = labels['org.libkv.test.version'] ?? image.slice(image.lastIndexOf(':') + 1)
    return { kind: 'container', image, version }
  }
  tried.push(
    `image ${local}: not there (make it: tooling/testing/servers/debian-servers.sh ${backend})`,
  )
  if (offline()) {
    tried.push(`image ${official}: not there, and not pulled because LIBKV_TEST_OFFLINE=1`)
    return undefined
  }
  try {
    await pullImage(official, Number(process.env['LIBKV_TEST_PULL_TIMEOUT_MS'] ?? 120_000))
    return {
      kind: 'container',
      image: official,
      version: official.slice(official.lastIndexOf(':') + 1),
    }
  } catch (error) {
    tried.push(`image ${official}: not pulled: ${(error as Error).message.trim()}`)
    return undefined
  }
}

/** A program to run, fetched if need be, or undefined with the reasons added to `tried`. */
async function findProcess(backend: Backend, tried: string[]): Promise<Provision | undefined> {
  const found = await findProgram(backend)
  if (!('missing' in found)) return { kind: 'process', ...found }
  const { missing } = found
  tried.push(
    `programs: no ${missing.join(' and no ')} named by the environment, in the cache or on the PATH`,
  )
  if (offline()) {
    tried.push('Debian packages: not fetched because LIBKV_TEST_OFFLINE=1')
    return undefined
  }
  console.error(`libkv: fetching ${missing.join(' and ')} as Debian packages, once …`)
  try {
    await fetchPrograms(missing)
  } catch (error) {
    tried.push(`Debian packages: ${(error as Error).message}`)
    return undefined
  }
  const fetched = await findProgram(backend)
  if (!('missing' in fetched)) return { kind: 'process', ...fetched }
  tried.push('Debian packages: fetched, and still no program that can be run')
  return undefined
}

function runtimeFromEnvironment(): Runtime | 'external' | undefined {
  const asked = process.env['LIBKV_TEST_RUNTIME'] ?? 'auto'
  if (asked === 'auto') return undefined
  if (asked === 'container' || asked === 'process' || asked === 'external') return asked
  throw new Error(`LIBKV_TEST_RUNTIME=${asked}: expected auto, container, process or external`)
}

async function decide(
  backend: Backend,
  asked: Runtime | 'external' | undefined,
): Promise<Provision> {
  const prefix = `LIBKV_TEST_${backend.toUpperCase()}`
  const given = process.env[`${prefix}_ENDPOINTS`]
  if (given && (asked === undefined || asked === 'external')) {
    return { kind: 'external', endpoints: given.split(',') }
  }
  if (asked === 'external') throw new Error(`LIBKV_TEST_RUNTIME=external needs ${prefix}_ENDPOINTS`)
  const tried: string[] = []
  const image = asked === 'process' ? undefined : await findImage(backend, tried)
  if (image) return image
  const program = asked === 'container' ? undefined : await findProcess(backend, tried)
  if (program) return program
  throw new Error(
    [
      `No ${backend} server for the tests. Tried:`,
      ...tried.map((line) => `  - ${line}`),
      `Start a Docker daemon (tooling/testing/servers/ensure-docker.sh), or set ${prefix}_ENDPOINTS, ${prefix}_IMAGE or ${prefix}_BIN` +
        `${backend === 'zookeeper' ? ' and LIBKV_TEST_JAVA_BIN' : ''}, or name other backends in LIBKV_TEST_BACKENDS.`,
    ].join('\n'),
  )
}

const variable = 'LIBKV_TEST_PROVISIONED'

/**
 * Decides where the servers of a backend come from: servers that exist already, containers, or programs on this machine, which
 * are fetched as Debian packages if there are none. Throws an error that lists all it tried. What it decided is kept in the
 * environment, so that Jest's workers inherit it and decide nothing again.
 */
export async function provision(backend: Backend, runtime?: Runtime): Promise<Provision> {
  const key = `${backend} ${runtime ?? 'default'}`
  const decided = (): Record<string, Provision> =>
    JSON.parse(process.env[variable] ?? '{}') as Record<string, Provision>
  const before = decided()[key]
  if (before) return before
  const found = await decide(backend, runtime ?? runtimeFromEnvironment())
  process.env[variable] = JSON.stringify({ ...decided(), [key]: found })
  return found
}
