export { zookeeper } from './zookeeper.ts'
export type { DigestAuth, ZooKeeperOptions } from './zookeeper-options.ts'
export { CREATOR_ALL, digestIdentity, OPEN, PERMISSION, READ_ONLY } from './client/index.ts'
export type { Acl, AclEntry, Auth, Identity } from './client/index.ts'
