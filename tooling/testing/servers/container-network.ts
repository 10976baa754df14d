import { testcontainers } from './testcontainers.ts'
import { watchdog } from './watchdog.ts'

/** A network for the members of a cluster, in which each keeps its address when it is started again. */
export interface ContainerNetwork {
  readonly name: string
  /** The address of a member. */
  address(index: number): string
  remove(): Promise<void>
}

const ATTEMPTS = 5
// Docker takes the first address for itself.
const FIRST = 10

/**
 * Docker gives a container another address each time, and of two that are started at once either may get what the other one
 * had: Consul's servers know each other by their addresses, and do not find together again. It lets an address be chosen only
 * where the subnet was chosen, too. So it is asked for a subnet that is free, and that one is chosen.
 */
export async function startNetwork(name: string): Promise<ContainerNetwork> {
  const { getContainerRuntimeClient } = await testcontainers()
  const client = await getContainerRuntimeClient()
  watchdog.watch('network', name)
  for (let attempt = 1; ; attempt++) {
    const any = await client.network.create({ Name: name, Driver: 'bridge' })
    const { IPAM } = (await any.inspect()) as { IPAM: { Config: { Subnet: string }[] } }
    await client.network.remove(any)
    const subnet = IPAM.Config.map(({ Subnet }) => Subnet).find((each) => each.includes('.'))
    if (subnet === undefined) throw new Error('Docker has no IPv4 subnet for a network')
    try {
      const options = { Name: name, Driver: 'bridge', IPAM: { Config: [{ Subnet: subnet }] } }
      const network = await client.network.create(options)
      return {
        name,
        address: (index) => subnet.replace(/\d+\/\d+$/, String(FIRST + index)),
        remove: async () => {
          await client.network.remove(network)
          watchdog.unwatch('network', name)
        },
      }
    } catch (error) {
      // Somebody else was given it meanwhile.
      if (attempt === ATTEMPTS) throw error
    }
  }
}
