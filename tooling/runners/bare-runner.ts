// The suite without a test runner, for runtimes such as Deno and Bun: `bare-runner.ts ADDRESS…` runs the groups once, on the embedded
// store and on the ZooKeeper server at that address. Exits by itself when no store is open any more.
import { allCases, leakCases } from '@libkv/conformance'
import type { ConformanceTarget, RegisterCase, Runner } from '@libkv/conformance'
import { memory, memoryFaults } from '@libkv/memory'
import { zookeeper } from '@libkv/zookeeper'
import type { ZooKeeperOptions } from '@libkv/zookeeper'

/** A limit for one case, in milliseconds. */
const CASE_TIMEOUT = 60_000

interface Case {
  readonly name: string
  readonly run: () => Promise<void>
}

const addresses = process.argv.slice(2)
// As the test servers are configured.
const openZooKeeper = (
  servers: readonly string[],
  options?: ZooKeeperOptions,
): ReturnType<typeof zookeeper> => zookeeper(servers, { tickTime: 500, ...options })

memoryFaults('unreachable').disconnect()
const targets: readonly ConformanceTarget[] = [
  {
    name: 'memory',
    capabilities: memory().capabilities,
    open: (options) => memory(['conformance'], options),
    openUnreachable: (options) => memory(['unreachable'], options),
  },
  {
    name: 'zookeeper',
    capabilities: openZooKeeper(addresses).capabilities,
    open: (options) => openZooKeeper(addresses, options),
    openUnreachable: (options) => openZooKeeper(['127.0.0.1:1'], options),
  },
]

const cases: Case[] = []
const skipped: string[] = []

const path: string[] = []
const nameOf = (name: string): string => [...path, name].join(' › ')
const it: RegisterCase = (name, run) => cases.push({ name: nameOf(name), run })
const skip: RegisterCase = (name) => skipped.push(nameOf(name))

/** A runner that collects the cases under their full names. */
const collector: Runner = {
  describe: (name, body) => {
    path.push(name)
    body()
    path.pop()
  },
  it: Object.assign(it, { skip }),
}

/** Whether the runtime reports what is open. Bun reports nothing, so the group on leaks would pass whatever is left open. */
function reportsResources(): boolean {
  const timer = setTimeout(() => undefined, 1_000)
  const count = process.getActiveResourcesInfo().length
  clearTimeout(timer)
  return count > 0
}

const groups = reportsResources() ? allCases : allCases.filter((group) => group !== leakCases)
if (groups.length < allCases.length)
  skipped.push('leaks (skipped: the runtime does not report what is open)')

for (const target of targets) {
  collector.describe(target.name, () => {
    for (const register of groups) register(collector, target)
  })
}

async function runCase({ run }: Case): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`not over after ${String(CASE_TIMEOUT)} ms`))
    }, CASE_TIMEOUT)
  })
  try {
    await Promise.race([run(), timeout])
  } finally {
    clearTimeout(timer)
  }
}

let failed = 0
for (const each of cases) {
  try {
    await runCase(each)
  } catch (error) {
    failed += 1
    console.error(`✖ ${each.name}\n`, error)
  }
}
for (const name of skipped) console.log(`- ${name}`)
console.log(`${String(cases.length - failed)} passed, ${String(failed)} failed`)
process.exitCode = failed === 0 ? 0 : 1
