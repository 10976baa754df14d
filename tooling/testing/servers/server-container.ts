import type { ContainerRuntimeClient, WaitStrategy } from 'testcontainers'

import type { ContainerNetwork } from './container-network.ts'
import { logExcerpt } from './log-excerpt.ts'
import type { Launch, Member } from './recipe.ts'
import type { ServerUnit } from './server-unit.ts'
import { testcontainers } from './testcontainers.ts'
import { watchdog } from './watchdog.ts'

type Container = ReturnType<ContainerRuntimeClient['container']['getById']>

/** Readiness is asked for by {@link ManagedNode}, the same way in every runtime. */
const noWait: WaitStrategy = {
  waitUntilReady: async () => {},
  withStartupTimeout: () => noWait,
  isStartupTimeoutSet: () => true,
  getStartupTimeout: () => 0,
}

/** A server as a container, published on 127.0.0.1. */
export class ServerContainer implements ServerUnit {
  readonly #image: string
  readonly #name: string
  readonly #launch: Launch
  readonly #member: Member
  readonly #network: ContainerNetwork | undefined
  #container: Container | undefined
  #running = false
  #frozen = false

  constructor(
    image: string,
    name: string,
    launch: Launch,
    member: Member,
    network?: ContainerNetwork,
  ) {
    this.#image = image
    this.#name = name
    this.#launch = launch
    this.#member = member
    this.#network = network
  }

  async start(): Promise<void> {
    if (this.#running) throw new Error('the server runs already')
    if (this.#container) await this.#container.start()
    else await this.#create()
    this.#running = true
  }

  async kill(): Promise<void> {
    if (this.#frozen) await this.resume()
    if (!this.#running || !this.#container) return
    this.#running = false
    const gone = this.#container.wait()
    await this.#container.kill({ signal: 'SIGKILL' }).catch(ignoreStatus(409)) // it had ended
    await gone
  }

  async freeze(): Promise<void> {
    await this.#container?.pause()
    this.#frozen = true
  }

  async resume(): Promise<void> {
    await this.#container?.unpause()
    this.#frozen = false
  }

  async wipe(): Promise<void> {
    if (this.#running) throw new Error('kill the server before its data are removed')
    await this.#container?.remove({ v: true, force: true })
    this.#container = undefined
  }

  async remove(): Promise<void> {
    if (this.#frozen) await this.resume()
    this.#running = false
    await this.#container?.remove({ v: true, force: true }).catch(ignoreStatus(404))
    this.#container = undefined
    watchdog.unwatch('container', this.#name)
  }

  async failure(): Promise<string | undefined> {
    if (!this.#running) return undefined
    const state = (await this.#container?.inspect())?.State
    return !state || state.Running ? undefined : `exited with code ${state.ExitCode}`
  }

  async log(): Promise<string> {
    const lines = await this.#container?.logs({ stdout: true, stderr: true, tail: 1000 })
    // Docker puts eight bytes before each piece of output.
    return logExcerpt(lines?.toString().replace(/[^\x20-\x7e\n]/g, '') ?? '')
  }

  async #create(): Promise<void> {
    const { GenericContainer, getContainerRuntimeClient } = await testcontainers()
    const endpoint = this.#network && {
      [this.#network.name]: {
        IPAMConfig: { IPv4Address: this.#network.address(this.#member.index) },
      },
    }
    class LoopbackContainer extends GenericContainer {
      protected override async beforeContainerCreated(): Promise<void> {
        if (endpoint) this.createOpts.NetworkingConfig = { EndpointsConfig: endpoint }
        for (const bindings of Object.values(
          this.hostConfig.PortBindings as Record<string, object[]>,
        )) {
          for (const binding of bindings) Object.assign(binding, { HostIp: '127.0.0.1' })
        }
      }
    }
    const { args, files, environment = {} } = this.#launch
    const port = this.#member.ports[0] as number
    const container = new LoopbackContainer(this.#image)
      .withName(this.#name)
      .withCommand([...args])
      .withEnvironment(environment)
      .withExposedPorts({ container: port, host: port })
      // Readable by all: the official images of Consul and ZooKeeper do not run as root.
      .withCopyContentToContainer(
        Object.entries(files).map(([name, content]) => ({
          content,
          target: `${this.#member.conf}/${name}`,
          mode: 0o644,
        })),
      )
      .withWaitStrategy(noWait)
    if (this.#network) container.withNetworkMode(this.#network.name)
    watchdog.watch('container', this.#name)
    const client = await getContainerRuntimeClient()
    try {
      await container.start()
    } catch (error) {
      this.#container = client.container.getById(this.#name)
      const log = await this.log().catch(() => '')
      throw new Error(`${this.#name}: ${(error as Error).message}. It logged:\n${log}`, {
        cause: error,
      })
    }
    this.#container = client.container.getById(this.#name)
  }
}

function ignoreStatus(status: number): (error: unknown) => void {
  return (error) => {
    if ((error as { statusCode?: number }).statusCode !== status) throw error
  }
}
