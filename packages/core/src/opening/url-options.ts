import { LibkvError } from '../contract/errors.ts'
import { readBoolean, unknownName } from '../options/option-rules.ts'
import type { OptionRule } from '../options/option-rules.ts'
import type { StoreUrl } from './store-url.ts'
import { tlsRules } from '../driver-kit/tls.ts'

/**
 * The options that a URL sets: `tls=true`, `tls.<option>=…`, every option whose rule can read text, the namespace by its
 * path, and what the backend makes of user and password.
 *
 * @throws LibkvError `INVALID_OPTION` for an unknown parameter, naming the nearest known one, for one that is given twice,
 * and for contradictions. Values are never shown.
 */
export function optionsOfUrl(
  { user, password, path, parameters }: StoreUrl,
  rules: Readonly<Record<string, OptionRule>>,
  readUserinfo: ((user: string, password: string | undefined) => object) | undefined,
  backend: string,
): Record<string, unknown> {
  const invalid = (message: string): LibkvError =>
    new LibkvError('INVALID_OPTION', `the store URL cannot be read: ${message}`, { backend })
  const options: Record<string, unknown> = {}
  const set = (name: string, value: unknown): void => {
    if (Object.hasOwn(options, name)) throw invalid(`it sets ${name} twice`)
    options[name] = value
  }
  if (path !== '') set('namespace', path)
  if (user !== undefined) {
    if (readUserinfo === undefined) throw invalid(`${backend} takes no user and no password`)
    for (const [name, value] of Object.entries(readUserinfo(user, password))) {
      if (value !== undefined) set(name, value)
    }
  }
  const tls: Record<string, unknown> = {}
  let isTls: boolean | undefined
  for (const [name, given] of parameters) {
    if (name === 'tls') {
      if (isTls !== undefined) throw invalid('it sets tls twice')
      isTls = readBoolean(given)
      if (isTls === undefined) throw invalid("tls must be 'true' or 'false'")
    } else if (name.startsWith('tls.')) {
      const option = name.slice(4)
      const read = ruleOf(tlsRules, option)?.read
      if (read === undefined) {
        throw unknownName('parameter', option, readable(tlsRules), { backend, prefix: 'tls.' })
      }
      if (Object.hasOwn(tls, option)) throw invalid(`it sets ${name} twice`)
      tls[option] = read(given, name)
    } else {
      const read = ruleOf(rules, name)?.read
      if (read === undefined) {
        throw unknownName('parameter', name, ['tls', ...readable(rules)], { backend })
      }
      set(name, read(given, name))
    }
  }
  const hasTlsOptions = Object.keys(tls).length > 0
  if (isTls === false && hasTlsOptions) throw invalid('it says tls=false, and has options of tls')
  if (isTls !== undefined || hasTlsOptions) options['tls'] = hasTlsOptions ? tls : isTls
  return options
}

const ruleOf = (
  rules: Readonly<Record<string, OptionRule>>,
  name: string,
): OptionRule | undefined => (Object.hasOwn(rules, name) ? rules[name] : undefined)

const readable = (rules: Readonly<Record<string, OptionRule>>): string[] =>
  Object.keys(rules).filter((name) => rules[name]?.read !== undefined)
