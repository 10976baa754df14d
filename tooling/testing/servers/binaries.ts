import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync, realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'

import type { Backend } from './recipe.ts'
import { repositoryPath } from './repository.ts'

/** How to run a server's program: the command that its own arguments are appended to. */
export interface Program {
  readonly command: readonly string[]
  readonly environment?: Record<string, string>
  readonly version: string
}

/** The programs that are not on this machine, by the names that {@link fetchPrograms} knows. */
export interface Missing {
  readonly missing: readonly string[]
}

/** Where `debian-servers.sh` puts what it fetches. */
function cached(...segments: readonly string[]): string {
  const caches = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  return join(process.env['LIBKV_TEST_CACHE'] ?? join(caches, 'libkv-test'), 'servers', ...segments)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function onPath(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

/** The program that the environment names, else the one in the cache, else the one on the PATH. */
function find(variable: string, inCache: string, name: string): string | undefined {
  const named = process.env[variable]
  if (named === undefined) return isExecutable(inCache) ? inCache : onPath(name)
  if (!isExecutable(named)) throw new Error(`${variable}=${named} is not a program that can be run`)
  return named
}

async function firstMatch(
  pattern: RegExp,
  file: string,
  ...args: readonly string[]
): Promise<string> {
  const { stdout } = await promisify(execFile)(file, args, { timeout: 10_000 })
  return pattern.exec(stdout)?.[1] ?? 'of unknown version'
}

// zookeeper.jar comes last: Debian's has an absolute class path in its manifest, which is searched right after it and would win
// over the jars named later.
const jars = [
  ...[
    'slf4j-api',
    'slf4j-simple',
    'metrics-core',
    'snappy-java',
    'netty-common',
    'netty-buffer',
    'netty-transport',
  ],
  ...['netty-handler', 'netty-codec', 'netty-resolver', 'netty-transport-native-epoll'],
  ...['netty-transport-native-unix-common', 'zookeeper-jute', 'zookeeper'],
]

function java(): Program | undefined {
  const inCache = cached('java', 'usr', 'java')
  const command = find('LIBKV_TEST_JAVA_BIN', inCache, 'java')
  if (command === undefined) return undefined
  if (command !== inCache) return { command: [command], version: '' }
  const libraries = ['x86_64', 'aarch64'].map((machine) =>
    cached('java', 'usr', 'lib', `${machine}-linux-gnu`),
  )
  return {
    command: [command],
    environment: { LD_LIBRARY_PATH: libraries.join(delimiter) },
    version: '',
  }
}

/** What the cache calls the ZooKeeper to be used: the newest that Debian has, or an older one that the environment asks for. */
const zookeeperTree = (): string => {
  const asked = process.env['LIBKV_TEST_ZOOKEEPER_VERSION']
  return asked === undefined ? 'zookeeper' : `zookeeper-${asked}`
}

/** The class path of ZooKeeper: of the distribution whose zkServer.sh is named or on the PATH, or Debian's jars in the cache. */
function zookeeperJars(): { readonly classPath: string; readonly version: string } | undefined {
  const tree = zookeeperTree()
  const debian = cached(tree, 'usr', 'share', 'java')
  const script = process.env['LIBKV_TEST_ZOOKEEPER_BIN']
  if (script === undefined && existsSync(join(debian, 'zookeeper.jar'))) {
    const classPath = jars.map((name) => join(debian, `${name}.jar`)).join(delimiter)
    return { classPath, version: readFileSync(cached(tree, 'version'), 'utf8').trim() }
  }
  const found = find('LIBKV_TEST_ZOOKEEPER_BIN', '', 'zkServer.sh')
  if (found === undefined) return undefined
  const home = dirname(dirname(realpathSync(found)))
  if (!existsSync(join(home, 'lib')))
    throw new Error(`${found} is not in a ZooKeeper distribution: no ${home}/lib`)
  return { classPath: join(home, 'lib', '*'), version: `in ${home}` }
}

const lookUp: Record<Backend, () => Promise<Program | Missing>> = {
  async etcd() {
    const etcd = find('LIBKV_TEST_ETCD_BIN', cached('etcd', 'usr', 'bin', 'etcd'), 'etcd')
    if (etcd === undefined) return { missing: ['etcd'] }
    return { command: [etcd], version: await firstMatch(/etcd Version: (\S+)/, etcd, '--version') }
  },

  async consul() {
    const consul = find('LIBKV_TEST_CONSUL_BIN', cached('consul', 'usr', 'bin', 'consul'), 'consul')
    if (consul === undefined) return { missing: ['consul'] }
    return { command: [consul], version: await firstMatch(/Consul v?(\S+)/, consul, 'version') }
  },

  async zookeeper() {
    const runtime = java()
    const server = zookeeperJars()
    if (!runtime || !server) {
      return { missing: [...(server ? [] : [zookeeperTree()]), ...(runtime ? [] : ['java'])] }
    }
    const tuning = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
    return {
      ...runtime,
      command: [...runtime.command, ...tuning, '-cp', server.classPath],
      version: server.version,
    }
  },
}

/** The program of a backend on this machine. Throws if the environment names one that cannot be run. */
export async function findProgram(backend: Backend): Promise<Program | Missing> {
  return await lookUp[backend]()
}

/** Fetches Debian's packages of the named programs into the cache. Throws with what the script said. */
export async function fetchPrograms(names: readonly string[]): Promise<void> {
  const script = repositoryPath('tooling', 'testing', 'servers', 'debian-servers.sh')
  try {
    await promisify(execFile)('bash', [script, '--fetch-only', ...names], { timeout: 300_000 })
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string }
    throw new Error(stderr.trim().split('\n').slice(-3).join(' ') || message, { cause: error })
  }
}
