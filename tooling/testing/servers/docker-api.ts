import { existsSync } from 'node:fs'
import { request } from 'node:http'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where a Docker daemon listens, as options for node:http. */
export type DockerAddress =
  { readonly socketPath: string } | { readonly host: string; readonly port: number }

/** The daemon that DOCKER_HOST names, or the first of the usual sockets that exists. */
export function dockerAddress(): DockerAddress | undefined {
  const named = process.env['DOCKER_HOST']
  if (named !== undefined && named !== '') {
    const url = new URL(named)
    if (url.protocol === 'unix:') return { socketPath: url.pathname }
    return { host: url.hostname, port: Number(url.port || 2375) }
  }
  const runtimeFolder = process.env['XDG_RUNTIME_DIR']
  const sockets = [
    '/var/run/docker.sock',
    ...(runtimeFolder === undefined ? [] : [join(runtimeFolder, 'docker.sock')]),
    join(homedir(), '.docker', 'run', 'docker.sock'),
    join(homedir(), '.docker', 'desktop', 'docker.sock'),
  ]
  const socketPath = sockets.find((path) => existsSync(path))
  return socketPath === undefined ? undefined : { socketPath }
}

function get(
  address: DockerAddress,
  path: string,
  timeout = 2000,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ ...address, path, agent: false, timeout }, (answer) => {
      let body = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }))
      answer.on('error', reject)
    })
    sent
      .on('error', reject)
      .on('timeout', () => sent.destroy(new Error(`no answer in ${timeout} ms`)))
    sent.end()
  })
}

/** Why no Docker daemon can be used, or undefined if one answers. Takes milliseconds when there is none. */
export async function whyNoDocker(): Promise<string | undefined> {
  const address = dockerAddress()
  const host = `DOCKER_HOST=${process.env['DOCKER_HOST'] ?? 'unset'}`
  if (address === undefined) return `no Docker socket (${host})`
  const where = 'socketPath' in address ? address.socketPath : `${address.host}:${address.port}`
  if ('host' in address && !['127.0.0.1', 'localhost'].includes(address.host)) {
    return `the Docker daemon at ${where} is another machine's, and servers are reached on 127.0.0.1 (${host})`
  }
  try {
    const { status } = await get(address, '/_ping')
    return status === 200 ? undefined : `the Docker daemon at ${where} answers ${status} (${host})`
  } catch (error) {
    return `no Docker daemon at ${where}: ${(error as Error).message} (${host})`
  }
}

/** The labels of an image that the daemon has; undefined if it has no such image. */
export async function imageLabels(image: string): Promise<Record<string, string> | undefined> {
  const address = dockerAddress()
  if (address === undefined) return undefined
  const { status, body } = await get(address, `/images/${image}/json`, 10_000)
  if (status !== 200) return undefined
  return (JSON.parse(body) as { Config?: { Labels?: Record<string, string> } }).Config?.Labels ?? {}
}
