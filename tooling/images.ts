// Sees to it that there are images of all servers: the official ones, or ours of Debian packages where none can be pulled.
//   node --import tsx tooling/images.ts
import { spawnSync } from 'node:child_process'
import { repositoryPath } from '@libkv/testing/servers/repository'
import { provision, selectedBackends } from '@libkv/testing/servers'

const fromPackages = repositoryPath('tooling', 'testing', 'servers', 'debian-servers.sh')

for (const backend of selectedBackends()) {
  try {
    const source = await provision(backend, 'container')
    if (source.kind === 'container') console.log(`${backend}: ${source.image}`)
  } catch (error) {
    console.log((error as Error).message)
    const { status } = spawnSync(fromPackages, [backend], { stdio: 'inherit' })
    if (status !== 0) process.exit(1)
  }
}
