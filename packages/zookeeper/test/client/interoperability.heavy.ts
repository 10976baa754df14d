import { interoperabilityCases } from './interoperability.ts'
import { openNative, openPure } from './other-clients.ts'
import type { OtherClient } from './other-clients.ts'

async function openNativeIfCompiled(endpoint: string): Promise<OtherClient | undefined> {
  const client = await openNative(endpoint)
  if (client === undefined) {
    process.stderr.write('zookeeper (native) is left out: it was not compiled on this machine\n')
  }
  return client
}

interoperabilityCases([openPure, openNativeIfCompiled])
