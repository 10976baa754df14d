import { isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import { LibkvError } from '../contract/errors.ts'
import { wrongType } from '../options/option-rules.ts'

/** What addresses of a backend look like. */
export interface AddressForm {
  readonly backend: string
  /** The port of an address that names none. */
  readonly port: number
  /** Whether an address may begin with `http://` or `https://`. */
  readonly takesHttp?: boolean | undefined
}

/** Addresses, checked. */
export interface Addresses {
  /** `host:port` each; IPv6 addresses in brackets, international names in their ASCII form. */
  readonly hosts: readonly string[]
  /** Whether they say `https:` (true) or `http:` (false); undefined when they say neither. */
  readonly secure: boolean | undefined
}

/**
 * Checks the addresses of servers; without any it is the default port of this machine.
 *
 * @throws TypeError unless it is an array of strings. LibkvError `INVALID_OPTION` for an empty array and for what is not
 * `host:port`; a message never shows credentials.
 */
export function parseAddresses(given: unknown, form: AddressForm): Addresses {
  const addresses = given ?? [`127.0.0.1:${String(form.port)}`]
  const expected = `an array of "host:port"`
  if (!Array.isArray(addresses)) throw wrongType('addresses', expected, addresses)
  if (addresses.length === 0) {
    throw invalid(form, 'addresses has no address; leave it out for the default')
  }
  // One of them may be half of a URL that was split at a comma.
  const mayBeSecret = addresses.some((each) => typeof each === 'string' && each.includes('@'))
  const parsed = addresses.map((address: unknown, index) => {
    if (typeof address !== 'string')
      throw wrongType(`addresses[${String(index)}]`, '"host:port"', address)
    try {
      return parseAddress(address, form)
    } catch (error) {
      const shown = mayBeSecret ? '' : ` '${address.slice(0, 80)}'`
      throw invalid(form, `addresses[${String(index)}]${shown} ${(error as Error).message}`)
    }
  })
  const schemes = new Set(parsed.map(({ secure }) => secure).filter((each) => each !== undefined))
  if (schemes.size > 1) throw invalid(form, 'http: and https: addresses cannot be mixed')
  return { hosts: parsed.map(({ host }) => host), secure: [...schemes][0] }
}

function parseAddress(
  address: string,
  form: AddressForm,
): { host: string; secure: boolean | undefined } {
  const [, scheme, rest = ''] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(address) ?? []
  if (rest.includes('@')) {
    throw new Flaw('has credentials; pass them as options (or the whole as a URL to newStore)')
  }
  if (scheme !== undefined && !(form.takesHttp === true && /^https?$/i.test(scheme))) {
    throw new Flaw(`has a scheme that is not expected here; ${expectation(form)}`)
  }
  const [, host = '', path = ''] = /^([^/?#]*)(.*)$/s.exec(rest) ?? []
  // A slash at the end is what copying from a browser gives.
  if (path !== '' && !(scheme !== undefined && path === '/')) {
    throw new Flaw(`has a path; ${expectation(form)}, and a prefix of keys is the option namespace`)
  }
  return {
    host: parseHost(host, form),
    secure: scheme === undefined ? undefined : scheme.toLowerCase() === 'https',
  }
}

function parseHost(text: string, form: AddressForm): string {
  if (text === '') throw new Flaw(`is empty; ${expectation(form)}`)
  if (isIPv6(text)) {
    throw new Flaw(`is an IPv6 address without brackets; write [${text}]:${String(form.port)}`)
  }
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/s.exec(text) ?? []
  if (bracketed === undefined && plain === undefined) {
    throw new Flaw(`is not host:port; ${expectation(form)}`)
  }
  const port = digits === undefined ? form.port : Number(digits)
  if (digits !== undefined && !(/^\d{1,5}$/.test(digits) && port >= 1 && port <= 65_535)) {
    throw new Flaw('is not host:port; the port must be between 1 and 65535')
  }
  return `${bracketed === undefined ? nameOf(plain ?? '', form) : ipv6(bracketed)}:${String(port)}`
}

function ipv6(address: string): string {
  if (address.includes('%')) throw new Flaw('has a zone; zones of IPv6 addresses are not supported')
  if (!isIPv6(address))
    throw new Flaw('is not host:port; in brackets there must be an IPv6 address')
  return `[${address}]`
}

function nameOf(name: string, form: AddressForm): string {
  if (name === '') throw new Flaw(`is not host:port; it has no host`)
  // The first form is what URLs mean by a host; it refuses 256.1.1.1, spaces and the like.
  const ascii = /[%\s]/.test(name) ? '' : domainToASCII(name)
  if (ascii === '' || ascii.length > 253) throw new Flaw(`is not host:port; ${expectation(form)}`)
  return ascii
}

const expectation = ({ port, takesHttp }: AddressForm): string =>
  takesHttp === true
    ? `expected host:${String(port)}, or with http:// or https:// before it`
    : `expected host:${String(port)}`

/** What is wrong with an address, for the end of a sentence. */
class Flaw extends Error {}

const invalid = ({ backend }: AddressForm, message: string): LibkvError =>
  new LibkvError('INVALID_OPTION', message, { backend })
