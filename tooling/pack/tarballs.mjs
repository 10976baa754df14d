// Packs every package as it is published: node tooling/pack/tarballs.mjs FOLDER
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const path = (file) => fileURLToPath(new URL(file, import.meta.url))

const [folder] = process.argv.slice(2)
if (folder === undefined) {
  console.error('usage: node tooling/pack/tarballs.mjs FOLDER')
  process.exit(64)
}
mkdirSync(folder, { recursive: true })

const { status } = spawnSync(
  process.execPath,
  [
    ...[path('../pnpm.mjs'), '--recursive', '--filter', './packages/*'],
    // A pnpmfile of the workspace would be part of the lockfile.
    `--config.global-pnpmfile=${path('published-manifest.cjs')}`,
    ...['pack', '--pack-destination', resolve(folder)],
  ],
  { cwd: path('../..'), stdio: 'inherit' },
)
process.exit(status ?? 1)
