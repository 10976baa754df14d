/**
 * A client for ZooKeeper without native code. It opens its sockets with the driver kit; of keys, drivers and stores it knows nothing.
 */
export { ZooKeeperClient } from './zookeeper-client.ts'
export type { ClientOptions, Auth } from './client-options.ts'
export type { Call } from './call.ts'
export type { Runtime, Timer } from './runtime.ts'
export type { ClientState, StateEvent, StateListener } from './state-event.ts'
export { isZooKeeperError, ZooKeeperError } from './zookeeper-error.ts'
export type { ZooKeeperErrorCode, ZooKeeperErrorDetails } from './zookeeper-error.ts'
export type { Acl, AclEntry, Identity } from './acl.ts'
export { CREATOR_ALL, digestIdentity, OPEN, PERMISSION, READ_ONLY } from './acl.ts'
export type { Children, Created, CreateMode, CreateOptions, NodeData, Stat } from './node.ts'
export { isNodePath } from './paths.ts'
export type { MultiOperation, MultiResult, Read, ReadResult } from './multi.ts'
export type { WatchEvent, WatchListener, WatchMode } from './watch-event.ts'
