import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'

const script = join(__dirname, '../publish.mjs')
const run = promisify(execFile)

interface Put {
  readonly name: string
  readonly authorization: string | undefined
}

let folder: string
let registry: Server
let published: Put[]

/** A registry that has version 1.0.0 of `@libkv/old`, and takes what is published. */
function answer({ method, url = '', headers }: IncomingMessage, response: ServerResponse): void {
  const name = decodeURIComponent(url.slice(1))
  const reply = (status: number, body: object): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  if (method === 'PUT') {
    published.push({ name, authorization: headers.authorization })
    reply(201, { ok: true })
  } else if (name === '@libkv/old') {
    const version = { name, version: '1.0.0', dist: {} }
    reply(200, { name, 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': version } })
  } else {
    reply(404, { error: 'Not found' })
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'libkv-publish-test-'))
  mkdirSync(join(folder, 'tarballs'))
  for (const name of ['core', 'new', 'old']) {
    const source = join(folder, name)
    mkdirSync(source)
    const manifest = { name: `@libkv/${name}`, version: '1.0.0' }
    writeFileSync(join(source, 'package.json'), JSON.stringify(manifest))
    await run('npm', ['pack', `./${name}`, '--pack-destination', 'tarballs'], { cwd: folder })
  }
  registry = createServer((request, response) => {
    request.resume().on('end', () => {
      answer(request, response)
    })
  })
  await new Promise<void>((resolve) => {
    registry.listen(0, '127.0.0.1', resolve)
  })
})
beforeEach(() => {
  published = []
})
afterAll(() => {
  registry.close()
  rmSync(folder, { recursive: true })
})

async function publish(token: string): Promise<string> {
  const { port } = registry.address() as AddressInfo
  const npm = {
    npm_config_registry: `http://127.0.0.1:${String(port)}/`,
    npm_config_cache: join(folder, 'cache'),
  }
  const env = { ...process.env, ...npm, NPM_TOKEN: token }
  const { stdout } = await run(process.execPath, [script], { cwd: folder, env })
  return stdout
}

describe('publishing', () => {
  it('publishes the versions that the registry lacks, core first, with the token', async () => {
    const output = await publish('npm_secret')
    expect(published).toEqual([
      { name: '@libkv/core', authorization: 'Bearer npm_secret' },
      { name: '@libkv/new', authorization: 'Bearer npm_secret' },
    ])
    expect(output).toContain('@libkv/old@1.0.0 is on npm already')
    expect(output).not.toContain('npm_secret')
  })

  it('fails where npm refuses', async () => {
    await expect(publish('')).rejects.toThrow(/npm publish .* failed/)
    expect(published).toEqual([])
  })
})
