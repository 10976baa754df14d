// The suite under another JavaScript runtime, on the packages as they were built:
//   node --import tsx tooling/runners/other-runtime.ts deno
// Node starts the server and fetches the runtime from npm, whose packages bring the program; no install script runs.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startServers } from '@libkv/testing/servers'

interface Runtime {
  readonly version: string
  /** The package with the program, for `process.platform` and `process.arch`. */
  readonly packages: Readonly<Record<string, string>>
  /** The program in the package. */
  readonly program: string
  readonly args: readonly string[]
}

const runtimes: Readonly<Record<string, Runtime>> = {
  deno: {
    version: '2.9.6',
    packages: {
      'linux-x64': '@deno/linux-x64-glibc',
      'linux-arm64': '@deno/linux-arm64-glibc',
      'darwin-x64': '@deno/darwin-x64',
      'darwin-arm64': '@deno/darwin-arm64',
    },
    program: 'deno',
    args: ['run', '--allow-all', '--no-lock'],
  },
  bun: {
    version: '1.4.5',
    packages: {
      // The baseline build needs no AVX2.
      'linux-x64': '@oven/bun-linux-x64-baseline',
      'linux-arm64': '@oven/bun-linux-aarch64',
      'darwin-x64': '@oven/bun-darwin-x64',
      'darwin-arm64': '@oven/bun-darwin-aarch64',
    },
    program: 'bin/bun',
    args: [],
  },
}

/** Fetches a package into npx's cache, and returns its folder. */
async function fetchPackage(name: string, version: string): Promise<string> {
  const print = 'node -p "process.env.PATH.split(path.delimiter)[0]"'
  const args = ['--yes', '--ignore-scripts', '--package', `${name}@${version}`, '-c', print]
  const { stdout } = await promisify(execFile)('npx', args)
  return join(stdout.trim(), '..', name)
}

const [name = ''] = process.argv.slice(2)
const runtime = runtimes[name]
const target = `${process.platform}-${process.arch}`
const packageName = runtime?.packages[target]
if (runtime === undefined || packageName === undefined) {
  const known = Object.keys(runtimes).join(', ')
  throw new Error(`no runtime '${name}' for ${target}; known runtimes: ${known}`)
}

const folder = await fetchPackage(packageName, runtime.version)
await using servers = await startServers('zookeeper')
console.log(`${name} ${runtime.version}, ZooKeeper ${servers.version}`)
const suite = fileURLToPath(new URL('bare-runner.ts', import.meta.url))
const args = [...runtime.args, suite, ...servers.endpoints]
const child = spawn(join(folder, runtime.program), args, { stdio: 'inherit' })
const [status] = await once(child, 'exit')
process.exitCode = status === 0 ? 0 : 1
