// What callers get wrong, and how it is refused. The table is for all backends; the types are ignored on purpose, as a JavaScript
// program does.
import { newStore, put, update, withLock } from '@libkv/core'
import { RESERVED_SEGMENT, lockQueueDirectory } from '@libkv/core/driver'
import type { ErrorCode, Store } from '@libkv/core'
import { Discovery } from '@libkv/discovery'
import { Candidate } from '@libkv/leadership'

/** What a slip is made with. */
export interface SlipContext {
  readonly backend: string
  /** The addresses of a server that answers. */
  readonly addresses: readonly string[]
  /** An open store, with nothing in it that matters. */
  readonly kv: Store
  /** A key that exists only where a slip has not been refused. */
  readonly key: string
  /** PEM text for the slips of TLS. */
  readonly pem: { readonly ca: string; readonly cert: string; readonly encryptedKey: string }
}

export interface Slip {
  readonly name: string
  readonly refusal: ErrorCode | 'TypeError'
  /** What the message has to say: a match, or a text that it contains. */
  readonly says: RegExp | string
  readonly run: (context: SlipContext) => unknown
  /** Not on the embedded store, which has no servers. */
  readonly needsServers?: boolean
}

/** Stands where a secret may be; no message may show it. */
export const SECRET = 'hunter2-s3cret'

/** What is passed is what a program without types would pass. */
const anything = <T>(value: unknown): T => value as T

const open =
  (addresses: unknown, options?: unknown) =>
  async ({ backend, addresses: own }: SlipContext): Promise<void> => {
    const given = addresses === undefined ? own : addresses
    const store = await newStore(backend, anything(given), anything(options))
    await store.close()
  }
const openWith = (options: unknown): Slip['run'] => open(undefined, options)
const openUrl =
  (rest: string) =>
  async ({ backend }: SlipContext): Promise<void> => {
    const store = await newStore(`${backend}://${rest}`)
    await store.close()
  }

type Row = readonly [
  name: string,
  refusal: Slip['refusal'],
  says: RegExp | string,
  run: Slip['run'],
  needsServers?: true,
]

const opening: readonly Row[] = [
  ['addresses that are a string', 'TypeError', /^addresses must be an array/, open('localhost:1')],
  ['addresses that are a number', 'TypeError', /^addresses must be an array.*a number/, open(2379)],
  [
    'addresses that are an object',
    'TypeError',
    /^addresses must be an array/,
    open({ endpoints: ['h:1'] }, {}),
  ],
  ['an address that is a number', 'TypeError', /^addresses\[0\] must be/, open([2379])],
  ['options that are null', 'TypeError', /^options must be an object; got null/, openWith(null)],
  ['options that are a string', 'TypeError', /^options must be an object/, openWith('namespace')],
  ['options that are an array', 'TypeError', /^options must be an object/, openWith(['namespace'])],
  [
    'an option with a typo',
    'INVALID_OPTION',
    /'namepsace' \(did you mean 'namespace'\?\)/,
    openWith({ namepsace: 'app' }),
  ],
  [
    'an option of another case',
    'INVALID_OPTION',
    /did you mean 'connectionTimeout'/,
    openWith({ connectiontimeout: 5 }),
  ],
  [
    'an option that nobody knows',
    'INVALID_OPTION',
    /unknown option 'retries' \(known: namespace/,
    openWith({ retries: 3 }),
  ],
  [
    'a namespace that is a number',
    'TypeError',
    /^namespace must be a string; got a number/,
    openWith({ namespace: 7 }),
  ],
  [
    'a namespace that is null',
    'TypeError',
    /^namespace must be a string; got null/,
    openWith({ namespace: null }),
  ],
  ['a namespace that is no key', 'INVALID_KEY', /empty segment/, openWith({ namespace: 'a//b' })],
  [
    'a namespace that is reserved',
    'INVALID_KEY',
    `reserved segment '${RESERVED_SEGMENT}'`,
    openWith({ namespace: RESERVED_SEGMENT }),
  ],
  [
    'a namespace with a reserved segment',
    'INVALID_KEY',
    `reserved segment '${RESERVED_SEGMENT}'`,
    openWith({ namespace: `a/${RESERVED_SEGMENT}/b` }),
  ],
  [
    'a connectionTimeout that is a string',
    'TypeError',
    /^connectionTimeout must be a number/,
    openWith({ connectionTimeout: '5s' }),
  ],
  [
    'a connectionTimeout below one',
    'INVALID_OPTION',
    /connectionTimeout is -1; .*at least 1/,
    openWith({ connectionTimeout: -1 }),
  ],
  [
    'a requestTimeout that is NaN',
    'INVALID_OPTION',
    /requestTimeout is NaN/,
    openWith({ requestTimeout: Number.NaN }),
  ],
  [
    'a runtime that is none',
    'TypeError',
    /^runtime must be a Runtime; it has no method now/,
    openWith({ runtime: {} }),
  ],
  [
    'a backend that is nothing',
    'TypeError',
    /^the backend must be a name, a URL or a factory/,
    () => newStore(anything<string>(undefined)),
  ],
  [
    'a backend with a typo',
    'BACKEND_UNKNOWN',
    /unknown backend 'ectd'.*did you mean 'etcd'/,
    () => newStore('ectd'),
  ],
  [
    'a URL with a scheme that has a typo',
    'BACKEND_UNKNOWN',
    /did you mean 'consul'/,
    () => newStore(`consol://${SECRET}@h`),
  ],
  [
    'a module to look from that is none',
    'TypeError',
    /^from must be import\.meta\.url or a path/,
    openWith({ from: 7 }),
  ],
  [
    'an unknown parameter',
    'INVALID_OPTION',
    /unknown parameter 'namepsace' \(did you mean 'namespace'\?\)/,
    openUrl('h?namepsace=app'),
  ],
  ['ssl instead of tls', 'INVALID_OPTION', /'ssl' \(did you mean 'tls'\?\)/, openUrl('h?ssl=true')],
  ['TLS instead of tls', 'INVALID_OPTION', /'TLS' \(did you mean 'tls'\?\)/, openUrl('h?TLS=true')],
  [
    'tls that says neither yes nor no',
    'INVALID_OPTION',
    /tls must be 'true' or 'false'/,
    openUrl('h?tls=perhaps'),
  ],
  [
    'a parameter that no URL can set',
    'INVALID_OPTION',
    /unknown parameter 'runtime'/,
    openUrl('h?runtime=x'),
  ],
  [
    'a parameter that is given twice',
    'INVALID_OPTION',
    /requestTimeout twice/,
    openUrl('h?requestTimeout=5&requestTimeout=6'),
  ],
  [
    'a namespace in path and query',
    'INVALID_OPTION',
    /namespace twice/,
    openUrl('h/app?namespace=other'),
  ],
  [
    'a number in a URL that is none',
    'INVALID_OPTION',
    /requestTimeout is NaN/,
    openUrl('h?requestTimeout=soon'),
  ],
  ['a slash in a password', 'INVALID_OPTION', /%2F/, openUrl(`user:1/${SECRET}@h`)],
  ['a hash in a password', 'INVALID_OPTION', /%23/, openUrl(`user:${SECRET}#x@h`)],
  [
    'a percent sign that encodes nothing',
    'INVALID_OPTION',
    /percent sign/,
    openUrl(`user:${SECRET}%@h`),
  ],
  ['no address', 'INVALID_OPTION', /no address/, open([]), true],
  [
    'credentials in an address',
    'INVALID_OPTION',
    /has credentials/,
    open([`http://user:${SECRET}@h:1`]),
    true,
  ],
  [
    'credentials without a scheme',
    'INVALID_OPTION',
    /has credentials/,
    open([`user:${SECRET}@h:1`]),
    true,
  ],
  [
    'half of credentials',
    'INVALID_OPTION',
    /^addresses\[0\] is not host:port/,
    open([`user:${SECRET}`, 'b@h:1']),
    true,
  ],
  ['a path in an address', 'INVALID_OPTION', /has a path/, open(['h:1/app']), true],
  ['a scheme that is not expected', 'INVALID_OPTION', /has a scheme/, open(['ftp://h:1']), true],
  ['port 0', 'INVALID_OPTION', /port must be between 1 and 65535/, open(['h:0']), true],
  ['a port beyond the last', 'INVALID_OPTION', /port must be between/, open(['h:65536']), true],
  ['a port that is a word', 'INVALID_OPTION', /port must be between/, open(['h:etcd']), true],
  ['IPv6 without brackets', 'INVALID_OPTION', /write \[::1\]:\d+/, open(['::1']), true],
  ['an empty address', 'INVALID_OPTION', /is empty/, open(['']), true],
  ['an address with spaces', 'INVALID_OPTION', /not host:port/, open(['my host:1']), true],
  ['an IPv4 address that is none', 'INVALID_OPTION', /not host:port/, open(['256.1.1.1:1']), true],
  ['an IPv6 address that is none', 'INVALID_OPTION', /IPv6/, open(['[1:2]:1']), true],
  ['an address with odd characters', 'INVALID_OPTION', /not host:port/, open(['a|b:1']), true],
]

const tls: readonly Row[] = [
  ['tls that is a string', 'TypeError', /^tls must be an object/, openWith({ tls: 'yes' }), true],
  [
    'tls that is null',
    'TypeError',
    /^tls must be an object; got null/,
    openWith({ tls: null }),
    true,
  ],
  [
    'an option of tls with a typo',
    'INVALID_OPTION',
    /'tls\.cafile' \(did you mean 'tls\.caFile'\?\)/,
    openWith({ tls: { cafile: 'x' } }),
    true,
  ],
  [
    'a file that is not there',
    'INVALID_OPTION',
    /tls\.caFile '\/none\.pem' cannot be read: ENOENT/,
    openWith({ tls: { caFile: '/none.pem' } }),
    true,
  ],
  [
    'a key where its path belongs',
    'INVALID_OPTION',
    /tls\.keyFile holds PEM text instead of a path; give the text as tls\.key/,
    openWith({ tls: { certFile: '/c.pem', keyFile: `-----BEGIN PRIVATE KEY-----\n${SECRET}` } }),
    true,
  ],
  [
    'a path where a certificate belongs',
    'INVALID_OPTION',
    /tls\.ca looks like a path; give a path as tls\.caFile/,
    openWith({ tls: { ca: '/etc/ca.pem' } }),
    true,
  ],
  [
    'an empty certificate',
    'INVALID_OPTION',
    /tls\.ca is empty/,
    openWith({ tls: { ca: '' } }),
    true,
  ],
  [
    'a certificate that is a number',
    'TypeError',
    /^tls\.ca must be PEM text/,
    openWith({ tls: { ca: 7 } }),
    true,
  ],
  [
    'a certificate without its key',
    'INVALID_OPTION',
    /needed together/,
    openWith({ tls: { cert: 'x' } }),
    true,
  ],
  [
    'a certificate given twice',
    'INVALID_OPTION',
    /exclude each other/,
    openWith({ tls: { ca: 'x', caFile: 'y' } }),
    true,
  ],
  [
    'an empty servername',
    'INVALID_OPTION',
    /servername is empty/,
    openWith({ tls: { servername: '' } }),
    true,
  ],
  [
    'a servername that is an address',
    'INVALID_OPTION',
    /servername is an IP address/,
    openWith({ tls: { servername: '10.0.0.1' } }),
    true,
  ],
  [
    'rejectUnauthorized that is a string',
    'TypeError',
    /^tls\.rejectUnauthorized must be true or false/,
    openWith({ tls: { rejectUnauthorized: 'no' } }),
    true,
  ],
  [
    'a broken certificate in a bundle',
    'INVALID_OPTION',
    /certificate 2 of 2 in tls\.ca cannot be read/,
    (context) =>
      openWith({
        tls: { ca: `${context.pem.ca}\n${context.pem.ca.replace(/[A-Za-z0-9+/]{20}/, SECRET)}` },
      })(context),
    true,
  ],
  [
    'line breaks that are written out',
    'INVALID_OPTION',
    /has the two characters '\\n'/,
    (context) => openWith({ tls: { ca: context.pem.ca.replaceAll('\n', '\\n') } })(context),
    true,
  ],
  [
    'a wrong passphrase',
    'INVALID_OPTION',
    /tls\.key cannot be decrypted with tls\.passphrase/,
    (context) =>
      openWith({
        tls: { cert: context.pem.cert, key: context.pem.encryptedKey, passphrase: SECRET },
      })(context),
    true,
  ],
  [
    'no passphrase',
    'INVALID_OPTION',
    /tls\.key is encrypted; tls\.passphrase is needed/,
    (context) =>
      openWith({ tls: { cert: context.pem.cert, key: context.pem.encryptedKey } })(context),
    true,
  ],
]

const get =
  (key: unknown, options?: unknown): Slip['run'] =>
  ({ kv }) =>
    kv.get(anything(key), anything(options))
const write =
  (value: unknown, options?: unknown): Slip['run'] =>
  ({ kv, key }) =>
    kv.put(key, anything(value), anything(options))
const swap =
  (previous: (key: string) => unknown): Slip['run'] =>
  ({ kv, key }) =>
    kv.atomicPut(key, 'v', anything(previous(key)))
const transact =
  (operations: (key: string) => unknown): Slip['run'] =>
  ({ kv, key }) =>
    kv.transaction(anything(operations(key)))

const calls: readonly Row[] = [
  ['a key that is a number', 'TypeError', /^a key must be a string; got a number/, get(7)],
  [
    'a key that is undefined',
    'TypeError',
    /^a key must be a string; got undefined/,
    get(undefined),
  ],
  ['an empty key', 'INVALID_KEY', /is empty/, get('')],
  ['a key with an empty segment', 'INVALID_KEY', /empty segment/, get('a//b')],
  ['a key with dots', 'INVALID_KEY', /segment '\.' or '\.\.'/, get('a/../b')],
  [
    'a key with a control character',
    'INVALID_KEY',
    /'a\\u0000b' has a control character/,
    get('a\0b'),
  ],
  ['a key that is reserved', 'INVALID_KEY', /reserved/, get(lockQueueDirectory('jobs'))],
  ['a key that is half a character', 'INVALID_KEY', /lone surrogate/, get('\ud800')],
  ['a key that is too long', 'INVALID_KEY', /over 1024 bytes/, get('x'.repeat(2_000))],
  [
    'a directory that is null',
    'TypeError',
    /^a key must be a string; got null/,
    ({ kv }) => kv.list(anything(null)),
  ],
  [
    'a value that is undefined',
    'TypeError',
    /^a value must be a Uint8Array or a string; got undefined/,
    write(undefined),
  ],
  ['a value that is a number', 'TypeError', /^a value must be .*a number/, write(42)],
  ['a value that is an object', 'TypeError', /^a value must be .*an object/, write({ a: 1 })],
  [
    'a value that is too large',
    'VALUE_TOO_LARGE',
    /524289 bytes, 524288 is the limit/,
    write(new Uint8Array(524_289)),
  ],
  [
    'a string of 500 MB',
    'VALUE_TOO_LARGE',
    /at least 500000000 bytes/,
    write('x'.repeat(500_000_000)),
  ],
  [
    'a string that is too large in UTF-8',
    'VALUE_TOO_LARGE',
    /900000 bytes/,
    write('€'.repeat(300_000)),
  ],
  [
    'ttl with a typo',
    'INVALID_OPTION',
    /'tll' \(did you mean 'ttl'\?\)/,
    write('v', { tll: 5_000 }),
  ],
  ['TTL', 'INVALID_OPTION', /'TTL' \(did you mean 'ttl'\?\)/, write('v', { TTL: 5_000 })],
  ['a negative ttl', 'INVALID_OPTION', /ttl is -1; .*between/, write('v', { ttl: -1 })],
  ['a ttl with a unit', 'INVALID_OPTION', /ttl is 5s; .*or 'shortest'/, write('v', { ttl: '5s' })],
  [
    'a ttl that is null',
    'TypeError',
    /^ttl must be a number of milliseconds/,
    write('v', { ttl: null }),
  ],
  ['a session that is none', 'INVALID_OPTION', /session/, write('v', { session: {} })],
  ['a session that is its id', 'INVALID_OPTION', /session/, write('v', { session: 'id' })],
  [
    'a signal that is its controller',
    'TypeError',
    /^signal must be an AbortSignal; got an AbortController; pass its signal/,
    get('a', { signal: new AbortController() }),
  ],
  [
    'a signal that is an object',
    'TypeError',
    /^signal must be an AbortSignal; got an object/,
    get('a', { signal: {} }),
  ],
  [
    'a signal that is true',
    'TypeError',
    /^signal must be an AbortSignal; got a boolean/,
    write('v', { signal: true }),
  ],
  ['a timeout of zero', 'INVALID_OPTION', /timeout is 0; .*at least 1/, get('a', { timeout: 0 })],
  [
    'a timeout that is a string',
    'TypeError',
    /^timeout must be a number of milliseconds; got a string/,
    get('a', { timeout: '5' }),
  ],
  [
    'options of a call that are null',
    'TypeError',
    /^options must be an object; got null/,
    get('a', null),
  ],
  [
    'options of a call that are a number',
    'TypeError',
    /^options must be an object; got a number/,
    write('v', 5_000),
  ],
  [
    'a consistency of another case',
    'INVALID_OPTION',
    /'Stale'; it must be 'linearizable' or 'stale'/,
    get('a', { consistency: 'Stale' }),
  ],
  [
    'a consistency that is true',
    'TypeError',
    /^consistency must be/,
    get('a', { consistency: true }),
  ],
  [
    'an option of a read in a write',
    'INVALID_OPTION',
    /unknown option 'consistency'/,
    write('v', { consistency: 'stale' }),
  ],
  ['previous that is undefined', 'TypeError', /^previous must be a version/, swap(() => undefined)],
  [
    'previous that is a revision',
    'TypeError',
    /^previous must be a version.*a bigint/,
    swap(() => 5n),
  ],
  [
    'previous of another key',
    'INVALID_OPTION',
    /is that of key 'other'/,
    swap(() => ({ key: 'other', revision: 5n, createRevision: 5n })),
  ],
  [
    'previous of revision 0',
    'INVALID_OPTION',
    /revision of a version is out of range/,
    swap((key) => ({ key, revision: 0n, createRevision: 0n })),
  ],
  [
    'previous beyond 64 bits',
    'INVALID_OPTION',
    /out of range/,
    swap((key) => ({ key, revision: 2n ** 63n, createRevision: 1n })),
  ],
  [
    'previous with a negative revision',
    'INVALID_OPTION',
    /out of range/,
    swap((key) => ({ key, revision: -5n, createRevision: 1n })),
  ],
  [
    'previous with revisions that are numbers',
    'TypeError',
    /^revision of a version must be a bigint or a decimal string/,
    swap((key) => ({ key, revision: 5, createRevision: 5 })),
  ],
  [
    'previous with a revision that is no number',
    'INVALID_OPTION',
    /decimal number/,
    swap((key) => ({ key, revision: '0x5', createRevision: '5' })),
  ],
  [
    'previous that was created later',
    'INVALID_OPTION',
    /createRevision after its revision/,
    swap((key) => ({ key, revision: 5n, createRevision: 6n })),
  ],
  [
    'nothing to delete',
    'TypeError',
    /^previous must be the version to delete/,
    ({ kv, key }) => kv.atomicDelete(key, anything(null)),
  ],
  [
    'operations that are no array',
    'TypeError',
    /^operations must be an array/,
    transact((key) => put(key, 'v')),
  ],
  ['no operations', 'INVALID_OPTION', /1 to 64 operations/, transact(() => [])],
  [
    '65 operations',
    'INVALID_OPTION',
    /1 to 64 operations, not 65/,
    transact((key) => Array.from({ length: 65 }, (_, i) => put(`${key}/${String(i)}`, 'v'))),
  ],
  [
    'an operation that is null',
    'TypeError',
    /^an operation must be what check/,
    transact(() => [null]),
  ],
  [
    'an operation of another type',
    'TypeError',
    /^an operation/,
    transact((key) => [{ type: 'increment', key }]),
  ],
  [
    'a key that is written twice',
    'INVALID_OPTION',
    /written twice/,
    transact((key) => [put(key, 'a'), put(key, 'b')]),
  ],
  [
    'a watch with a controller',
    'TypeError',
    /^signal must be an AbortSignal/,
    ({ kv, key }) => kv.watch(key, anything({ signal: new AbortController() })),
  ],
  [
    'a watch with a typo',
    'INVALID_OPTION',
    /'singal' \(did you mean 'signal'\?\)/,
    ({ kv, key }) => kv.watchTree(key, anything({ singal: null })),
  ],
  [
    'a session with a ttl too short',
    'INVALID_OPTION',
    /ttl is 1; .*between/,
    ({ kv }) => kv.session({ ttl: 1 }),
  ],
  [
    'a session with a typo',
    'INVALID_OPTION',
    /'tl' \(did you mean 'ttl'\?\)/,
    ({ kv }) => kv.session(anything({ tl: 20_000 })),
  ],
  [
    'ready() with a negative timeout',
    'INVALID_OPTION',
    /timeout is -1/,
    ({ kv }) => kv.ready({ timeout: -1 }),
  ],
]

const recipes: readonly Row[] = [
  [
    'a lock with a typo',
    'INVALID_OPTION',
    /'tll' \(did you mean 'ttl'\?\)/,
    ({ kv, key }) => kv.newLock(key, anything({ tll: 20_000 })),
  ],
  [
    'a lock whose value is a number',
    'TypeError',
    /^a value must be/,
    ({ kv, key }) => kv.newLock(key, anything({ value: 7 })),
  ],
  [
    'a lock with a controller, which can be taken afterwards',
    'TypeError',
    /^signal must be an AbortSignal/,
    async ({ kv, key }) => {
      const locker = kv.newLock(key, { ttl: 'shortest' })
      const refused: unknown = await locker
        .lock(anything({ signal: new AbortController() }))
        .catch((error: unknown) => error)
      await (await locker.lock()).unlock()
      throw refused
    },
  ],
  [
    'a lock that is taken twice by one locker',
    'TypeError',
    /holds or waits/,
    async ({ kv, key }) => {
      const locker = kv.newLock(key, { ttl: 'shortest' })
      const held = await locker.lock()
      try {
        await locker.lock()
      } finally {
        await held.unlock()
      }
    },
  ],
  [
    'a lock with a wait that is a string',
    'TypeError',
    /^timeout must be a number/,
    ({ kv, key }) => kv.newLock(key).lock(anything({ timeout: '5s' })),
  ],
  [
    'a change that is no function',
    'TypeError',
    /^change must be a function; got a string/,
    ({ kv, key }) => update(kv, key, anything('v')),
  ],
  [
    'an update with a typo',
    'INVALID_OPTION',
    /'atempts' \(did you mean 'attempts'\?\)/,
    ({ kv, key }) => update(kv, key, () => 'v', anything({ atempts: 3 })),
  ],
  [
    'work that is no function',
    'TypeError',
    /^work must be a function; got an object/,
    ({ kv, key }) => withLock(kv, key, anything({ ttl: 5 })),
  ],
  [
    'a lock with an option that nobody knows',
    'INVALID_OPTION',
    /unknown option 'wait'/,
    ({ kv, key }) => withLock(kv, key, () => 'v', anything({ wait: false })),
  ],
  [
    'a candidate with a typo',
    'INVALID_OPTION',
    /unknown option 'idd' \(did you mean 'id'\?\)/,
    ({ kv, key }) => new Candidate(kv, key, anything({ idd: 'a' })),
  ],
  [
    'a candidate without a name',
    'INVALID_OPTION',
    /id is empty/,
    ({ kv, key }) => new Candidate(kv, key, { id: '' }),
  ],
  [
    'a candidate whose name is a number',
    'TypeError',
    /^id must be a string/,
    ({ kv, key }) => new Candidate(kv, key, anything({ id: 7 })),
  ],
  [
    'a health check that is none',
    'TypeError',
    /^health\.check must be a function/,
    ({ kv, key }) => new Candidate(kv, key, anything({ health: { check: true } })),
  ],
  [
    'a candidate without work',
    'TypeError',
    /^work must be a function; got undefined/,
    ({ kv, key }) => new Candidate(kv, key).run(anything(undefined)),
  ],
  [
    'a campaign with a controller',
    'TypeError',
    /^signal must be an AbortSignal/,
    ({ kv, key }) => new Candidate(kv, key).campaign(anything({ signal: new AbortController() })),
  ],
  [
    'a discovery with a typo',
    'INVALID_OPTION',
    /'prefx' \(did you mean 'prefix'\?\)/,
    ({ kv }) => new Discovery(kv, anything({ prefx: 'x' })),
  ],
  [
    'an instance without a port',
    'INVALID_OPTION',
    /port is not a number/,
    ({ kv }) => new Discovery(kv).register(anything({ service: 's', id: '1', address: 'h' })),
  ],
  [
    'an instance with a typo',
    'INVALID_OPTION',
    /'instance\.adress' \(did you mean 'instance\.address'\?\)/,
    ({ kv }) =>
      new Discovery(kv).register(anything({ service: 's', id: '1', adress: 'h', port: 1 })),
  ],
  [
    'an instance that is null',
    'TypeError',
    /^instance must be an object; got null/,
    ({ kv }) => new Discovery(kv).register(anything(null)),
  ],
  [
    'a strategy that nobody knows',
    'INVALID_OPTION',
    /strategy is 'fastest'/,
    ({ kv }) => new Discovery(kv).resolve('s', anything({ strategy: 'fastest' })),
  ],
]

/** All of them. */
export const slips: readonly Slip[] = [...opening, ...tls, ...calls, ...recipes].map(
  ([name, refusal, says, run, needsServers = false]) => ({
    name,
    refusal,
    says,
    run,
    needsServers,
  }),
)
