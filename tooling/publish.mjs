// npm run release:publish: publishes every package whose version is not on npm yet. Meant for .github/workflows/release.yml.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

// npm attests where a package was built, and wants the manifest to name the same repository.
const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = process.env
if (server !== undefined && repository !== undefined) {
  for (const folder of readdirSync('packages')) {
    const file = `packages/${folder}/package.json`
    const manifest = JSON.parse(readFileSync(file, 'utf8'))
    manifest.repository = {
      type: 'git',
      url: `git+${server}/${repository}.git`,
      directory: `packages/${folder}`,
    }
    writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`)
  }
}

const { status } = spawnSync('npx', ['changeset', 'publish'], { stdio: 'inherit' })
process.exit(status ?? 1)
