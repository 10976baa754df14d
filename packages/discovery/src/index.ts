export { Discovery } from './discovery.ts'
export type {
  DiscoveryOptions,
  RegisterOptions,
  Resolved,
  ResolveOptions,
  ServiceList,
} from './discovery.ts'
export type { Instance, InstanceUpdate, Metadata, NewInstance } from './instance.ts'
export type { InstanceChange } from './instance-watch.ts'
export type { BrokenPolicy, Strategy } from './picker.ts'
export type { Registration } from './registration.ts'
export type { InstanceList, InvalidEntry } from './view.ts'
