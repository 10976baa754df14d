// Jest's globalSetup: decides once, before any worker starts, where the servers of each backend come from, and says so. It starts
// none; the tests do, each for itself. What it decided reaches the workers through the environment (see provision.ts).
import type { Provision } from '@libkv/testing/servers'
import { provision, selectedBackends, unfinishedBackends } from '@libkv/testing/servers'

function describe(source: Provision): string {
  switch (source.kind) {
    case 'external':
      return `the servers at ${source.endpoints.join(', ')}`
    case 'container':
      return `${source.version}, containers of ${source.image}`
    case 'process':
      return `${source.version}, processes of ${source.command[0]}`
  }
}

export default async function setUp(): Promise<void> {
  const selected = selectedBackends()
  for (const backend of unfinishedBackends()) {
    if (selected.includes(backend)) continue
    console.log(
      `${backend}: left out, for it is not finished; LIBKV_TEST_BACKENDS=${backend} tests it`,
    )
  }
  for (const backend of selected) {
    console.log(`${backend}: ${describe(await provision(backend))}`)
  }
}
