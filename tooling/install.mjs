// Runs before `npm start` and `npm test`: installs the dependencies when the lockfile has changed since the last install,
// and is over in milliseconds when it has not. `npm run pnpm install` is the repair after an install that was killed.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const read = (name) => {
  const file = new URL(`../${name}`, import.meta.url)
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

const wanted = read('pnpm-lock.yaml')
const complete = existsSync(new URL('../node_modules/.modules.yaml', import.meta.url))
if (!complete || wanted === undefined || wanted !== read('node_modules/.pnpm/lock.yaml')) {
  const { status } = spawnSync(
    process.execPath,
    [
      fileURLToPath(new URL('pnpm.mjs', import.meta.url)),
      'install',
      '--frozen-lockfile',
      '--prefer-offline',
      '--reporter=append-only',
    ],
    { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, CI: 'true' } },
  )
  if (status !== 0) process.exit(status ?? 1)
}
