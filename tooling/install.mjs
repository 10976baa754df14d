// Installs the dependencies if the lockfile has changed since the last install; otherwise it ends within milliseconds.
//   node tooling/install.mjs           everything; runs before `npm test`
//   node tooling/install.mjs --prod    on a fresh clone only what the tour needs; runs before `npm start`
// `npm run pnpm install` repairs an install that was killed.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const pathOf = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url))
const read = (name) => (existsSync(pathOf(name)) ? readFileSync(pathOf(name), 'utf8') : undefined)

/** The lockfile of an install with `--prod`: pnpm's own copy leaves out what was not installed. */
const productionLock = 'node_modules/.libkv-production-lock.yaml'

const wanted = read('pnpm-lock.yaml')
const installed = existsSync(pathOf('node_modules/.modules.yaml'))
const hasProductionOnly = existsSync(pathOf(productionLock))
const isComplete =
  installed && !hasProductionOnly && wanted === read('node_modules/.pnpm/lock.yaml')
// An install that has the development dependencies keeps them.
const isProduction = process.argv.includes('--prod') && (!installed || hasProductionOnly)

if (!isComplete && !(isProduction && wanted === read(productionLock))) {
  rmSync(pathOf(productionLock), { force: true })
  const { status } = spawnSync(
    process.execPath,
    [
      pathOf('tooling/pnpm.mjs'),
      'install',
      '--frozen-lockfile',
      '--prefer-offline',
      '--reporter=append-only',
      ...(isProduction ? ['--prod'] : []),
    ],
    { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, CI: 'true' } },
  )
  if (status !== 0) process.exit(status ?? 1)
  if (isProduction) copyFileSync(pathOf('pnpm-lock.yaml'), pathOf(productionLock))
}
