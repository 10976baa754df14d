import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { logExcerpt } from './log-excerpt.ts'
import type { Launch, Member, Plan } from './recipe.ts'
import { ManagedNode } from './server-node.ts'
import { fillIn } from './server-set.ts'
import type { ServerSet, WantedServers } from './server-set.ts'
import type { ServerUnit } from './server-unit.ts'
import { waitFor } from '../wait-for.ts'
import { watchdog } from './watchdog.ts'

/** A folder for one server: `data`, `conf`, and its log. */
function serverFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `libkv-${name}-`))
  watchdog.watch('folder', folder)
  mkdirSync(join(folder, 'conf'))
  mkdirSync(join(folder, 'data'), { mode: 0o700 })
  return folder
}

function removeServerFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 })
  watchdog.unwatch('folder', folder)
}

/** A server as a child process on 127.0.0.1. */
class ServerProcess implements ServerUnit {
  readonly #command: readonly string[]
  readonly #environment: Record<string, string>
  readonly #folder: string
  readonly #launch: Launch
  readonly #logFile: string
  #child: ChildProcess | undefined
  #ended: string | undefined

  constructor(command: readonly string[], launch: Launch, folder: string) {
    this.#command = [...command, ...launch.args]
    // Not our own environment: etcd takes options from ETCD_*, Consul from CONSUL_*.
    this.#environment = { PATH: process.env['PATH'] ?? '', HOME: folder, ...launch.environment }
    this.#folder = folder
    this.#logFile = join(folder, 'log')
    this.#launch = launch
    this.#write('conf', launch.files)
    this.#write('data', launch.dataFiles)
  }

  async start(): Promise<void> {
    if (this.#child) throw new Error('the server runs already')
    const [file = '', ...args] = this.#command
    const log = openSync(this.#logFile, 'a')
    const child = spawn(file, args, {
      cwd: this.#folder,
      env: this.#environment,
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    this.#child = child
    this.#ended = undefined
    const { pid } = child
    if (pid !== undefined) watchdog.watch('process', pid)
    child.once('error', (error) => {
      this.#ended = error.message
    })
    child.once('exit', (code, signal) => {
      this.#ended = signal === null ? `exited with code ${code}` : `ended by ${signal}`
      if (pid !== undefined) watchdog.unwatch('process', pid)
    })
    child.unref()
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.ref()
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }

  async freeze(): Promise<void> {
    const child = this.#running()
    child.kill('SIGSTOP')
    // Its threads stop one after another, and until then they answer.
    await waitFor(() => isStopped(child.pid), { what: 'the server to stand still' })
  }

  async resume(): Promise<void> {
    this.#running().kill('SIGCONT')
  }

  async wipe(): Promise<void> {
    if (this.#child) throw new Error('kill the server before its data are removed')
    rmSync(join(this.#folder, 'data'), { recursive: true, force: true })
    mkdirSync(join(this.#folder, 'data'), { mode: 0o700 })
    this.#write('data', this.#launch.dataFiles)
  }

  async remove(): Promise<void> {
    await this.kill()
    removeServerFolder(this.#folder)
  }

  async failure(): Promise<string | undefined> {
    return this.#child && this.#ended
  }

  async log(): Promise<string> {
    return logExcerpt(readFileSync(this.#logFile, 'utf8'))
  }

  #write(folder: string, files: Record<string, string> = {}): void {
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(this.#folder, folder, name), content, { mode: 0o600 })
    }
  }

  #running(): ChildProcess {
    if (!this.#child || this.#ended !== undefined) throw new Error('the server does not run')
    return this.#child
  }
}

/** Servers as child processes; the ports are 127.0.0.1's own. */
export function createProcesses(
  command: readonly string[],
  { backend, recipe, access, security, args, ports, version }: WantedServers,
  environment: Record<string, string> = {},
): ServerSet {
  const members = ports.map((own, index): Member => {
    const name = `${backend}${index}`
    const folder = serverFolder(name)
    return {
      index,
      name,
      endpoint: recipe.endpoint(own[0] as number, security),
      bind: '127.0.0.1',
      host: '127.0.0.1',
      ports: own,
      data: join(folder, 'data'),
      conf: join(folder, 'conf'),
    }
  })
  const nodes = members.map((member) => {
    const plan: Plan = {
      runtime: 'process',
      version,
      security,
      members,
      args: fillIn(args, member.conf),
    }
    const launch = recipe.launch(member, plan)
    const unit = new ServerProcess(
      command,
      { ...launch, environment: { ...environment, ...launch.environment } },
      dirname(member.conf),
    )
    return new ManagedNode(member, unit, recipe, access)
  })
  return { nodes, cleanUp: async () => {} }
}

/** Whether all threads of a process are stopped, as far as the system tells. */
function isStopped(pid: number | undefined): boolean {
  const tasks = `/proc/${String(pid)}/task`
  if (!existsSync(tasks)) return true
  try {
    return readdirSync(tasks).every((task) => {
      const state = /^State:\s+(\w)/m.exec(readFileSync(join(tasks, task, 'status'), 'utf8'))?.[1]
      return state === 'T' || state === 'Z'
    })
  } catch {
    // One of them has just ended.
    return false
  }
}
