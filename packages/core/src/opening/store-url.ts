import { LibkvError } from '../contract/errors.ts'

/** The parts of a store URL, decoded. */
export interface StoreUrl {
  /** In lower case. */
  readonly scheme: string
  /** Undefined when the URL has no `@`. */
  readonly user: string | undefined
  /** Undefined when the user has no `:` behind it. */
  readonly password: string | undefined
  readonly addresses: readonly string[]
  /** Empty for none. */
  readonly path: string
  /** In their order. */
  readonly parameters: readonly (readonly [name: string, text: string])[]
}

const form = /^([a-z][a-z0-9+.-]*):\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i

/**
 * Takes `scheme://user:password@host:port,host:port/namespace?option=value` apart. Names, passwords and the namespace are
 * percent-decoded, parameters are form-encoded.
 *
 * @throws LibkvError `INVALID_OPTION`. Messages never show the URL, for it may hold a password.
 */
export function parseStoreUrl(url: string): StoreUrl {
  const match = form.exec(url)
  if (match === null) {
    throw invalid(
      url.includes('#')
        ? "it has a '#'; write it as %23"
        : "it is not backend://host:port,…/namespace (write '@', '/' and '?' in a password as %40, %2F and %3F)",
    )
  }
  const [, scheme = '', userinfo, hosts = '', path = '', query = ''] = match
  // An unescaped slash or question mark in a password makes a host of the user, and a path of the host.
  if (path.includes('@') || query.includes('@')) {
    throw invalid(
      "it has an '@' behind its hosts; write '@', '/' and '?' in names and passwords as %40, %2F and %3F",
    )
  }
  const [user, password] = credentials(userinfo)
  return {
    scheme: scheme.toLowerCase(),
    user,
    password,
    addresses: hosts.split(',').filter((host) => host !== ''),
    path: decode(path),
    parameters: [...new URLSearchParams(query)],
  }
}

function credentials(userinfo: string | undefined): [string | undefined, string | undefined] {
  if (userinfo === undefined) return [undefined, undefined]
  const colon = userinfo.indexOf(':')
  if (colon < 0) return [decode(userinfo), undefined]
  return [decode(userinfo.slice(0, colon)), decode(userinfo.slice(colon + 1))]
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('it has a percent sign that encodes nothing')
  }
}

function invalid(reason: string): LibkvError {
  return new LibkvError('INVALID_OPTION', `the store URL cannot be read: ${reason}`)
}
