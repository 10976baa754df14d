import { parseAddresses, resolveOptions } from '@libkv/core/driver'
import type { ServerOptions } from '@libkv/core/driver'

/** The defaults of the options that all backends share, for plain servers at these addresses. */
export function serverOptions(backend: string, addresses: readonly string[]): ServerOptions {
  const { hosts } = parseAddresses(addresses, { backend, port: 1, takesHttp: true })
  return { ...resolveOptions({}, backend), addresses: hosts, tls: undefined }
}
