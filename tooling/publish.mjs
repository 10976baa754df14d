// npm run release:publish: publishes the tarballs in tarballs/ whose version is not on npm yet.
// Needs no installed dependencies, so that none of them can reach the credentials of .github/workflows/release.yml.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = 'tarballs'
const settings = mkdtempSync(join(tmpdir(), 'libkv-publish-'))
const env = { ...process.env }

const npm = (...args) => spawnSync('npm', args, { env, encoding: 'utf8' })

function isPublished({ name, version }) {
  const { status, stdout, stderr } = npm('view', `${name}@${version}`, 'version', '--json')
  if (status === 0) return stdout.trim() !== ''
  // The package itself is new.
  if (`${stdout}${stderr}`.includes('E404')) return false
  throw new Error(`npm view ${name}@${version} failed:\n${stdout}${stderr}`)
}

function publish(path) {
  const args = ['publish', path, '--access', 'public']
  const { status } = spawnSync('npm', args, { env, stdio: 'inherit' })
  if (status !== 0) throw new Error(`npm publish ${path} failed`)
}

const tarballs = readdirSync(folder)
  .filter((file) => file.endsWith('.tgz'))
  .map((file) => {
    const path = join(folder, file)
    const manifest = execFileSync('tar', ['-xzOf', path, 'package/package.json'])
    return { path, ...JSON.parse(manifest) }
  })
  // Core first: the other packages depend on it.
  .sort((a, b) => Number(b.name === '@libkv/core') - Number(a.name === '@libkv/core'))

try {
  if (env.NPM_TOKEN) {
    // npm replaces the variable itself, so the token is in no file.
    const registry = npm('config', 'get', 'registry')
      .stdout.trim()
      .replace(/^https?:/, '')
    const userConfig = join(settings, 'npmrc')
    writeFileSync(userConfig, `${registry}:_authToken=\${NPM_TOKEN}\n`)
    env.NPM_CONFIG_USERCONFIG = userConfig
  }
  for (const { path, ...manifest } of tarballs) {
    const version = `${manifest.name}@${manifest.version}`
    if (isPublished(manifest)) {
      console.log(`${version} is on npm already`)
    } else {
      publish(`./${path}`)
      console.log(`${version} is published`)
    }
  }
} finally {
  rmSync(settings, { recursive: true })
}
