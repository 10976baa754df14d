export { consul } from './consul.ts'
export type { ConsulOptions } from './consul-options.ts'
