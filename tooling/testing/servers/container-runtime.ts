import { randomBytes } from 'node:crypto'

import { startNetwork } from './container-network.ts'
import type { Member, Plan } from './recipe.ts'
import { ServerContainer } from './server-container.ts'
import { ManagedNode } from './server-node.ts'
import { fillIn } from './server-set.ts'
import type { ServerSet, WantedServers } from './server-set.ts'

/**
 * Servers as containers. Each listens on the same ports inside and outside, so that they survive a restart and that recipes need
 * not care. Peers find each other by container name: with network aliases testcontainers would attach them to a second network,
 * and Consul then picks the wrong address.
 */
export async function createContainers(
  image: string,
  { backend, recipe, access, security, args, ports, version }: WantedServers,
): Promise<ServerSet> {
  const run = randomBytes(4).toString('hex')
  const members = ports.map((own, index): Member => {
    const name = `${backend}${index}`
    return {
      index,
      name,
      endpoint: recipe.endpoint(own[0] as number, security),
      bind: '0.0.0.0',
      host: ports.length === 1 ? '127.0.0.1' : `libkv-${run}-${name}`,
      ports: own,
      data: recipe.dataInContainer,
      conf: '/conf',
    }
  })
  const network = ports.length === 1 ? undefined : await startNetwork(`libkv-${run}`)
  const plan: Plan = {
    runtime: 'container',
    version,
    security,
    members,
    args: fillIn(args, '/conf'),
  }
  const nodes = members.map((member) => {
    const name = `libkv-${run}-${member.name}`
    const unit = new ServerContainer(image, name, recipe.launch(member, plan), member, network)
    return new ManagedNode(member, unit, recipe, access)
  })
  return { nodes, cleanUp: async () => network?.remove() }
}
