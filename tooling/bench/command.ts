import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The root of this repository. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url))

const isWindows = process.platform === 'win32'

/**
 * Runs a program to its end. When the signal fires, the program and what it started are ended first.
 *
 * @returns what it printed to stdout.
 * @throws Error with the end of what it printed, when it fails.
 */
export function command(
  program: string,
  args: readonly string[],
  { cwd = root, env = {}, signal }: { cwd?: string; env?: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<string> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    // In a process group of its own, because installer and build start further programs.
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: !isWindows,
    })
    const end = (): void => {
      if (child.pid === undefined) return
      if (isWindows) child.kill()
      else process.kill(-child.pid, 'SIGTERM')
    }
    signal.addEventListener('abort', end)
    let output = ''
    let printed = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
      printed += chunk
    })
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (printed += chunk))
    child.on('error', reject)
    child.on('close', (status) => {
      signal.removeEventListener('abort', end)
      if (signal.aborted) reject(signal.reason as Error)
      else if (status === 0) resolve(output)
      else reject(new Error(`${[program, ...args].join(' ')} failed:\n${printed.slice(-4_000)}`))
    })
  })
}

/** Builds the packages of those stores, and core, with the build of the tree that they are in. */
export async function build(
  folder: string,
  stores: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const filters = ['core', ...stores].flatMap((name) => ['--filter', `@libkv/${name}`])
  const args = ['tooling/pnpm.mjs', '--recursive', ...filters, 'run', 'build']
  await command(process.execPath, args, { cwd: folder, signal })
}
