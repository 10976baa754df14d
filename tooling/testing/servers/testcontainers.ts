import { imageLabels } from './docker-api.ts'

/**
 * The testcontainers package, imported only when containers are used, as that takes its time. Before that it is told
 * - to publish on 127.0.0.1: inside a container with a daemon's socket it would try a bridge's address instead;
 * - to do without its reaper, an image that it would pull, unless that is there: the watchdog does that work.
 */
export async function testcontainers(): Promise<typeof import('testcontainers')> {
  const { env } = process
  const host = env['DOCKER_HOST'] ?? ''
  if (host === '' || host.startsWith('unix:')) env['TESTCONTAINERS_HOST_OVERRIDE'] ??= '127.0.0.1'
  if (env['TESTCONTAINERS_RYUK_DISABLED'] === undefined) {
    const reaper = env['RYUK_CONTAINER_IMAGE'] ?? 'testcontainers/ryuk:0.14.0'
    if (!(await imageLabels(reaper))) env['TESTCONTAINERS_RYUK_DISABLED'] = 'true'
  }
  return await import('testcontainers')
}

export async function pullImage(image: string, timeout: number): Promise<void> {
  const { getContainerRuntimeClient, ImageName } = await testcontainers()
  const client = await getContainerRuntimeClient()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer from its registry in ${timeout} ms`)),
      timeout,
    )
  })
  try {
    await Promise.race([client.image.pull(ImageName.fromString(image)), late])
  } finally {
    clearTimeout(timer)
  }
}
