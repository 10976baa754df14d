import { LibkvError } from '@libkv/core'
import type { ServerOptions } from '@libkv/core/driver'
import type { StoreOptions } from '@libkv/core'

/** The options of the etcd backend. */
export interface EtcdOptions extends StoreOptions {
  /** With `password`: the user to authenticate as. With a client certificate the server may know the user by its name. */
  readonly username?: string | undefined
  readonly password?: string | undefined
}

declare global {
  interface LibkvBackends {
    etcd: EtcdOptions
  }
}

/** {@link EtcdOptions}, checked and complete. */
export interface ResolvedEtcdOptions extends ServerOptions {
  readonly credentials: { readonly name: string; readonly password: string } | undefined
}

/** @throws LibkvError `INVALID_OPTION`. */
export function resolveEtcdOptions(
  { username, password }: EtcdOptions,
  common: ServerOptions,
): ResolvedEtcdOptions {
  if ((username === undefined) !== (password === undefined)) {
    throw invalid('username and password are needed together')
  }
  if (username === undefined || password === undefined) return { ...common, credentials: undefined }
  if (username === '') throw invalid('username is empty')
  return { ...common, credentials: { name: username, password } }
}

const invalid = (message: string): LibkvError =>
  new LibkvError('INVALID_OPTION', message, { backend: 'etcd' })
