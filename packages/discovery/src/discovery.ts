import { LibkvError, isLibkvError } from '@libkv/core'
import {
  abortSignal,
  anything,
  asyncDispose,
  callRules,
  checkOptions,
  checkTtl,
  milliseconds,
  number,
  oneOf,
  runtimeRule,
  systemRuntime,
  text,
  ttlRule,
} from '@libkv/core/recipe'
import type { CallOptions, KVPair, Runtime, Store, Ttl } from '@libkv/core'
import type { OptionRules } from '@libkv/core/recipe'
import { Contact } from './contact.ts'
import { directoryOf } from './entry.ts'
import { InstanceWatch } from './instance-watch.ts'
import type { InstanceChange } from './instance-watch.ts'
import { checkName, checkedInstance } from './instance.ts'
import type { Instance, NewInstance } from './instance.ts'
import { Picker } from './picker.ts'
import type { BrokenPolicy, Strategy } from './picker.ts'
import { Registrar } from './registrar.ts'
import { KeptRegistration } from './registration.ts'
import type { Registration } from './registration.ts'
import { View } from './view.ts'
import type { InstanceList } from './view.ts'

/** What a {@link Discovery} takes. */
export interface DiscoveryOptions {
  /**
   * The directory under which the entries are kept, as `<prefix>/<service>/<id>`.
   *
   * @default 'services'
   */
  readonly prefix?: string | undefined
  /**
   * The take-over time, in milliseconds: how long an instance that has crashed is listed. Bounds: `store.capabilities.ttl`.
   *
   * @default 20_000
   */
  readonly ttl?: Ttl | undefined
  /**
   * When `resolve()` leaves out an instance that was reported as broken: after so many reports within the period, until the
   * period, in milliseconds, is over.
   *
   * @default { reports: 2, period: 30_000 }
   */
  readonly broken?: Partial<BrokenPolicy> | undefined
  /** Clock, timers and chance, for tests. */
  readonly runtime?: Runtime | undefined
}

/** What `register()` takes. */
export interface RegisterOptions extends CallOptions {
  /**
   * The take-over time of this instance, in milliseconds.
   *
   * @default that of the discovery
   */
  readonly ttl?: Ttl | undefined
}

/** What `resolve()` takes. */
export interface ResolveOptions extends CallOptions {
  /** @default 'round-robin' */
  readonly strategy?: Strategy | undefined
}

/** What `services()` resolves to. */
export interface ServiceList {
  /** Sorted. */
  readonly services: readonly string[]
  /** As in {@link InstanceList}. */
  readonly stale: boolean
}

/** The instance that `resolve()` has picked. */
export interface Resolved {
  readonly instance: Instance
  /** As in {@link InstanceList}. */
  readonly stale: boolean
  /** To be called when the instance does not do its work, so that others are picked for a while. */
  reportBroken(): void
}

const discoveryRules: OptionRules<DiscoveryOptions> = {
  prefix: text(),
  ttl: ttlRule,
  broken: anything,
  runtime: runtimeRule,
}

const brokenRules: OptionRules<BrokenPolicy> = {
  reports: number('reports', 1),
  period: milliseconds(0),
}

const registerRules: OptionRules<RegisterOptions> = { ...callRules, ttl: ttlRule }

const watchRules: OptionRules<Pick<CallOptions, 'signal'>> = { signal: abortSignal }

const resolveRules: OptionRules<ResolveOptions> = {
  ...callRules,
  strategy: oneOf('round-robin', 'random'),
}

/**
 * Registers instances of services in a store, and finds those that others have registered.
 *
 * @example
 * await using discovery = new Discovery(kv)
 * await discovery.register({ service: 'web', id: 'web-1', address: '10.0.0.1', port: 80 })
 * for await (const { instances } of discovery.watch('web')) balance(instances)
 */
export class Discovery implements AsyncDisposable {
  readonly #store: Store
  readonly #prefix: string
  readonly #ttl: number
  readonly #broken: BrokenPolicy
  readonly #runtime: Runtime
  readonly #contact: Contact
  readonly #views = new Map<string, View>()
  readonly #pickers = new Map<string, Picker>()
  readonly #registrars = new Map<number, Registrar>()
  #closing: Promise<void> | undefined

  /** @throws LibkvError `INVALID_OPTION`. What is wrong with the prefix is said by the first call. */
  constructor(store: Store, options: DiscoveryOptions = {}) {
    const { backend } = store
    checkOptions(options, discoveryRules, { backend })
    const { prefix = 'services', ttl = 20_000, broken = {}, runtime = systemRuntime } = options
    checkOptions(broken, brokenRules, { backend, prefix: 'broken.' })
    const { reports = 2, period = 30_000 } = broken
    this.#store = store
    this.#prefix = prefix.replace(/^\/|\/$/g, '')
    this.#ttl = this.#checkedTtl(ttl)
    this.#broken = { reports, period }
    this.#runtime = runtime
    if (this.#prefix === '') throw invalid('prefix is empty')
    this.#contact = new Contact(store, this.#prefix, this.#ttl, runtime)
  }

  /**
   * Writes an instance and keeps it registered until it is deregistered. It takes the place of an instance of the same
   * service and id, whoever registered that.
   *
   * @throws LibkvError `INVALID_OPTION`, `INVALID_KEY` and `VALUE_TOO_LARGE` before any I/O, and what the store throws; the
   * instance is then not registered.
   */
  async register(instance: NewInstance, options: RegisterOptions = {}): Promise<Registration> {
    this.#refuseIfClosed()
    checkOptions(options, registerRules, { backend: this.#store.backend })
    const { ttl = this.#ttl, ...call } = options
    const checked = checkedInstance(instance)
    const registration = new KeptRegistration(this.#registrar(this.#checkedTtl(ttl)), checked)
    await registration.register(call)
    return registration
  }

  /**
   * The instances of a service. Asks the store, so that it shows what was registered before; when the store cannot be asked, the
   * list is what this discovery knows from before, and `stale`.
   *
   * @throws LibkvError what the store throws, when nothing is known of this service yet.
   */
  async instances(service: string, options?: CallOptions): Promise<InstanceList> {
    return this.#read(this.#directory(service), options)
  }

  /** The names of the services that have instances. As {@link Discovery.instances}. */
  async services(options?: CallOptions): Promise<ServiceList> {
    const { instances, stale } = await this.#read(this.#prefix, options)
    return { services: [...new Set(instances.map(({ service }) => service))].sort(), stale }
  }

  /**
   * Yields the instances of a service as they are, then whenever they change; states may be merged, the last one is always
   * delivered. It survives outages, in which it says that the list is `stale` and removes nobody. It ends by `break`, by
   * `signal` (throwing the signal's reason), by `close()`, or by throwing what cannot heal, such as `ACCESS_DENIED`.
   */
  watch(service: string, options: Pick<CallOptions, 'signal'> = {}): AsyncIterable<InstanceChange> {
    checkOptions(options, watchRules, { backend: this.#store.backend })
    const { signal } = options
    this.#refuseIfClosed()
    const directory = this.#directory(service)
    return {
      [Symbol.asyncIterator]: () => {
        this.#refuseIfClosed()
        return new InstanceWatch(this.#view(directory), signal)
      },
    }
  }

  /**
   * Picks an instance of a service, without asking the store once the service is known; `null` when it has none. Those that were
   * reported as broken are passed over, unless all are.
   *
   * @throws LibkvError what the store throws, when nothing is known of this service yet.
   */
  async resolve(service: string, options: ResolveOptions = {}): Promise<Resolved | null> {
    checkOptions(options, resolveRules, { backend: this.#store.backend })
    const { strategy = 'round-robin', ...call } = options
    this.#refuseIfClosed()
    const directory = this.#directory(service)
    if (this.#views.get(directory)?.isReady !== true) await this.#read(directory, call)
    const view = this.#views.get(directory)
    if (view === undefined) return null
    const picker = this.#picker(directory)
    const picked = picker.pick(view.known, strategy)
    if (picked === undefined) return null
    return {
      instance: picked.instance,
      stale: view.list.stale,
      reportBroken: () => {
        picker.report(picked)
      },
    }
  }

  /** Deregisters what is registered, and ends the watches. The store stays open. Idempotent. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  [asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    for (const view of [...this.#views.values()]) view.close()
    await Promise.all([...this.#registrars.values()].map((registrar) => registrar.close()))
  }

  async #read(directory: string, options: CallOptions | undefined): Promise<InstanceList> {
    this.#refuseIfClosed()
    const known = this.#views.get(directory)
    if (known?.isReady === true && this.#contact.isLost()) return known.list
    let pairs: readonly KVPair[]
    try {
      pairs = await this.#store.list(directory, options)
    } catch (error) {
      const view = this.#views.get(directory)
      if (view?.isReady !== true || !isLibkvError(error) || !error.retryable) throw error
      return { ...view.list, stale: true }
    }
    this.#refuseIfClosed()
    // Of a service that has no instances there is nothing to be remembered.
    if (pairs.length === 0 && !this.#views.has(directory)) {
      return { instances: [], invalid: [], stale: false }
    }
    const view = this.#view(directory)
    view.seed(pairs)
    return view.merge(pairs)
  }

  #view(directory: string): View {
    let view = this.#views.get(directory)
    if (view === undefined) {
      const context = {
        store: this.#store,
        contact: this.#contact,
        runtime: this.#runtime,
        prefix: this.#prefix,
        ttl: this.#ttl,
      }
      view = new View(context, directory, () => {
        this.#views.delete(directory)
        this.#pickers.delete(directory)
      })
      this.#views.set(directory, view)
    }
    return view
  }

  #picker(directory: string): Picker {
    let picker = this.#pickers.get(directory)
    if (picker === undefined) {
      picker = new Picker(this.#broken, this.#runtime)
      this.#pickers.set(directory, picker)
    }
    return picker
  }

  #registrar(ttl: number): Registrar {
    let registrar = this.#registrars.get(ttl)
    if (registrar === undefined) {
      registrar = new Registrar(this.#store, this.#runtime, this.#prefix, ttl)
      this.#registrars.set(ttl, registrar)
    }
    return registrar
  }

  #directory(service: string): string {
    checkName('service', service)
    return directoryOf(this.#prefix, service)
  }

  /** @throws LibkvError `INVALID_OPTION`, naming the bounds. */
  #checkedTtl(ttl: Ttl): number {
    return checkTtl(ttl, this.#store.capabilities, this.#store.backend)
  }

  #refuseIfClosed(): void {
    if (this.#closing !== undefined) throw new LibkvError('CLOSED', 'the discovery is closed')
  }
}

const invalid = (message: string): LibkvError => new LibkvError('INVALID_OPTION', message)
