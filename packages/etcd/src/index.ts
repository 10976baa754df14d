export { etcd } from './etcd.ts'
export type { EtcdOptions } from './etcd-options.ts'
