// npm run release:tag: creates the tag and the GitHub release of every package whose version has none yet, with `gh`.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const gh = (args, input = '') => spawnSync('gh', args, { input, encoding: 'utf8' })

/** The part of a changelog that is about one version. */
function notesOf(folder, version) {
  const file = join(folder, 'CHANGELOG.md')
  if (!existsSync(file)) return ''
  const sections = readFileSync(file, 'utf8').split(/^## /m)
  const section = sections.find((each) => each.startsWith(`${version}\n`)) ?? ''
  return section.slice(version.length).trim()
}

for (const name of readdirSync('packages')) {
  const folder = join('packages', name)
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const tag = `${manifest.name}@${manifest.version}`
  if (manifest.private || gh(['release', 'view', tag]).status === 0) continue
  const target = ['--target', process.env.GITHUB_SHA ?? 'HEAD']
  const { status, stderr } = gh(
    ['release', 'create', tag, '--title', tag, ...target, '--notes-file', '-'],
    notesOf(folder, manifest.version),
  )
  if (status !== 0) throw new Error(`gh release create ${tag} failed:\n${stderr}`)
  console.log(`${tag} is tagged`)
}
