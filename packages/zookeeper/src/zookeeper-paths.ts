/**
 * The mapping between keys and the paths of nodes. It is one to one: each key has a path, and each
 * path that ZooKeeper accepts stands for a key, except internal nodes: those of the library and of
 * the server.
 *
 * Nearly every key is its own path after a slash. Only the characters that ZooKeeper refuses are
 * escaped, by a percent sign and two digits for each byte of UTF-8
 * (`org.apache.zookeeper.common.PathUtils`): those above U+FFFF, the private use area, and U+FFF0
 * to U+FFFF. The first segment `zookeeper` belongs to the server, so a key's is written
 * `%7Aookeeper`. Text that only looks like an escape, or like an internal name, has `%25` for its
 * percent sign. See LAYOUT.md for the nodes.
 */

/** Prefix of the names of the library's own nodes, which are no keys. */
const OWN = '%libkv'

/** The directory of the creation counters. Its name is part of the layout on the servers. */
export const COUNTERS: '/%libkv/guards' = `/${OWN}/guards`

const SERVERS_OWN = 'zookeeper'
const SERVERS_OWN_ESCAPED = '%7Aookeeper'

const plain = /^[ -$&-~]*$/
const refused = /[\ud800-\udbff][\udc00-\udfff]|[\ue000-\uf8ff\ufff0-\uffff]/g
/**
 * The escape of U+E000 to U+F8FF, U+FFF0 to U+FFFF or a higher code point; with `25` in it, a text
 * that looks like one.
 */
const escape =
  /%((?:25)*)(?:EE(?:%[89AB][\dA-F]){2}|EF%(?:[89][\dA-F]|A[0-3])%[89AB][\dA-F]|EF%BF%B[\dA-F]|F0%[9AB][\dA-F](?:%[89AB][\dA-F]){2}|F[123](?:%[89AB][\dA-F]){3}|F4%8[\dA-F](?:%[89AB][\dA-F]){2})/g
const likeOwn = /(?<=^|\/)%(?=(?:25)*libkv)/g
const escapedLikeOwn = /^%25(?=(?:25)*libkv)/
const likeServersOwn = /^%(?=(?:25)*7Aookeeper(?:\/|$))/
const escapedLikeServersOwn = /^%25(?=(?:25)*7Aookeeper$)/

/** Whether a node in the root belongs to the servers or to the library. */
export const isServersOrOwn = (name: string): boolean => name === SERVERS_OWN || name === OWN

/** The path of a key's node. */
export function pathOf(key: string): string {
  if (plain.test(key) && !key.startsWith(SERVERS_OWN)) return `/${key}`
  const escaped = key
    .replace(escape, (text) => `%25${text.slice(1)}`)
    .replace(likeOwn, '%25')
    .replace(likeServersOwn, '%25')
    .replace(refused, encodeURIComponent)
  const isServersOwn = escaped === SERVERS_OWN || escaped.startsWith(`${SERVERS_OWN}/`)
  return isServersOwn
    ? `/${SERVERS_OWN_ESCAPED}${escaped.slice(SERVERS_OWN.length)}`
    : `/${escaped}`
}

/** The key of a child; undefined for an internal node. `prefix` is the parent's key and a slash. */
export function keyOfChild(prefix: string, name: string): string | undefined {
  if (!name.includes('%')) return prefix === '' && name === SERVERS_OWN ? undefined : prefix + name
  if (name.startsWith(OWN)) return undefined
  if (prefix === '' && name === SERVERS_OWN_ESCAPED) return SERVERS_OWN
  let text = name.replace(escapedLikeOwn, '%')
  if (prefix === '') text = text.replace(escapedLikeServersOwn, '%')
  return prefix + text.replace(escape, unescape)
}

function unescape(text: string, marks: string): string {
  return marks === '' ? decodeURIComponent(text) : `%${text.slice(3)}`
}

/** The path of the directory that a prefix names, which is empty or ends in a slash. */
export function directoryOf(prefix: string): string {
  return prefix === '' ? '/' : pathOf(prefix.slice(0, -1))
}

/** The key of a path; undefined for an internal node. */
export function keyOfPath(path: string): string | undefined {
  let prefix = ''
  for (const name of path.slice(1).split('/')) {
    const key = keyOfChild(prefix, name)
    if (key === undefined) return undefined
    prefix = `${key}/`
  }
  return prefix.slice(0, -1)
}

/** The path of the directory that a node is in. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')))
}

/** The path of a node in a directory. */
export function childOf(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`
}

/** The creation record of a key's node. */
export function recordOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return `${path.slice(0, slash)}/${OWN}-born-${path.slice(slash + 1)}`
}

/**
 * A child that is created and deleted at once, so that the node's `cversion` shows that it may have
 * a creation record.
 */
export function scratchChildOf(path: string): string {
  return `${path}/${OWN}`
}
