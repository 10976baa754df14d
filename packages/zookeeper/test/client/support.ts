import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { systemRuntime } from '@libkv/core/driver'
import { ZooKeeperClient } from '../../src/client/index.ts'
import type {
  ClientOptions,
  StateEvent,
  WatchEvent,
  WatchListener,
  ZooKeeperError,
} from '../../src/client/index.ts'

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

export const textOf = (data: Uint8Array | null | undefined): string | undefined =>
  data === null || data === undefined ? undefined : Buffer.from(data).toString()

/** A client of these servers, with deadlines as short as tests like them. */
export function clientOf(
  servers: readonly string[],
  options: Partial<ClientOptions> = {},
): ZooKeeperClient {
  return new ZooKeeperClient({
    servers,
    runtime: systemRuntime,
    sessionTimeout: 6_000,
    closeTimeout: 500,
    ...options,
  })
}

/** A call that ends `ms` from now. */
export function within(ms: number): { readonly deadline: number } {
  return { deadline: systemRuntime.now() + ms }
}

/** What the promise is rejected with. */
export async function failureOf(promise: Promise<unknown>): Promise<ZooKeeperError> {
  try {
    await promise
  } catch (error) {
    return error as ZooKeeperError
  }
  throw new Error('it did not fail')
}

/** Records what becomes of a client's session. */
export function statesOf(client: ZooKeeperClient): StateEvent[] {
  const events: StateEvent[] = []
  client.onState((event) => events.push(event))
  return events
}

/** A listener that remembers what it heard, as `created /a`. */
export function recorder(): { readonly heard: string[]; readonly listener: WatchListener } {
  const heard: string[] = []
  const listener = ({ type, path }: WatchEvent): void => {
    heard.push(`${type} ${path}`)
  }
  return { heard, listener }
}

/** Keeps the event loop from doing anything else. */
export function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** Numbers in [0, 1) that a seed decides. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Runs a program that has `ZooKeeperClient` and `runtime` in a process of its own. */
export async function run(program: string): Promise<{ code: number | null; output: string }> {
  const imports = `
    const { ZooKeeperClient } = await import('./packages/zookeeper/src/client/index.ts')
    const { systemRuntime: runtime } = await import('./packages/core/src/contract/runtime.ts')`
  const child = spawn(
    process.execPath,
    [
      '--conditions=@libkv/source',
      '--import',
      'tsx',
      '--input-type=module',
      '-e',
      `${imports}\n${program}`,
    ],
    { cwd: join(__dirname, '../../../..'), stdio: ['ignore', 'pipe', 'inherit'], timeout: 540_000 },
  )
  let output = ''
  child.stdout.on('data', (chunk) => (output += String(chunk)))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}
