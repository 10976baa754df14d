import type { Runtime, Store } from '@libkv/core'

/** What the suite needs of `@libkv/discovery`, which is handed to it: it depends on nothing. */
export interface DiscoveryRecipe {
  readonly Discovery: new (store: Store, options?: DiscoverySettings) => TestedDiscovery
}

/** What a discovery is made with. */
export interface DiscoverySettings {
  readonly prefix?: string | undefined
  readonly ttl?: number | undefined
  readonly runtime?: Runtime | undefined
}

/** What is registered. */
export interface NewInstance {
  readonly service: string
  readonly id: string
  readonly address: string
  readonly port: number
  readonly metadata?: Readonly<Record<string, unknown>> | undefined
}

/** An instance as it is found. */
export type TestedInstance = Required<NewInstance>

/** What is found. */
export interface InstanceList {
  readonly instances: readonly TestedInstance[]
  readonly invalid: readonly { readonly key: string; readonly reason: string }[]
  readonly stale: boolean
}

/** What a watch yields. */
export interface InstanceChange extends InstanceList {
  readonly added: readonly TestedInstance[]
  readonly changed: readonly TestedInstance[]
  readonly removed: readonly TestedInstance[]
}

/** What `register()` resolves to. */
export interface TestedRegistration extends AsyncDisposable {
  readonly instance: TestedInstance
  readonly signal: AbortSignal
  isRegistered(): boolean
  update(changes: Partial<Omit<NewInstance, 'service' | 'id'>>): Promise<void>
  deregister(): Promise<void>
}

/** An instance of the class under test. */
export interface TestedDiscovery extends AsyncDisposable {
  register(
    instance: NewInstance,
    options?: { readonly ttl?: number; readonly signal?: AbortSignal },
  ): Promise<TestedRegistration>
  instances(service: string): Promise<InstanceList>
  services(): Promise<{ readonly services: readonly string[]; readonly stale: boolean }>
  watch(service: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<InstanceChange>
  resolve(
    service: string,
    options?: { readonly strategy?: 'round-robin' | 'random' },
  ): Promise<{ readonly instance: TestedInstance; reportBroken(): void } | null>
  close(): Promise<void>
}
