import type {
  IAuthenticateRequest,
  IAuthenticateResponse,
  ILeaseGrantRequest,
  ILeaseGrantResponse,
  ILeaseKeepAliveRequest,
  ILeaseKeepAliveResponse,
  ILeaseRevokeRequest,
  ILeaseRevokeResponse,
} from 'etcd3'
import {
  decodeDelete,
  decodePut,
  decodeRange,
  decodeTxn,
  decodeWatch,
  encodeDelete,
  encodePut,
  encodeRange,
  encodeTxn,
  encodeWatch,
} from './etcd-codec.ts'
import type { Method } from './etcd-connection.ts'

type Request<F extends (payload: never) => Uint8Array> = Parameters<F>[0]
type Answer<F extends (message: Uint8Array) => unknown> = ReturnType<F>

export const range: Method<Request<typeof encodeRange>, Answer<typeof decodeRange>> = {
  service: 'KV',
  path: '/etcdserverpb.KV/Range',
  isRead: true,
  encode: encodeRange,
  decode: decodeRange,
}

export const put: Method<Request<typeof encodePut>, Answer<typeof decodePut>> = {
  service: 'KV',
  path: '/etcdserverpb.KV/Put',
  encode: encodePut,
  decode: decodePut,
}

export const deleteRange: Method<Request<typeof encodeDelete>, Answer<typeof decodeDelete>> = {
  service: 'KV',
  path: '/etcdserverpb.KV/DeleteRange',
  encode: encodeDelete,
  decode: decodeDelete,
}

export const txn: Method<Request<typeof encodeTxn>, Answer<typeof decodeTxn>> = {
  service: 'KV',
  path: '/etcdserverpb.KV/Txn',
  encode: encodeTxn,
  decode: decodeTxn,
}

/** The stream of a watch. */
export const watch: Method<Request<typeof encodeWatch>, Answer<typeof decodeWatch>> = {
  service: 'Watch',
  path: '/etcdserverpb.Watch/Watch',
  encode: encodeWatch,
  decode: decodeWatch,
}

// What is rare goes through etcd3's own messages.
export const leaseGrant: Method<ILeaseGrantRequest, ILeaseGrantResponse> = {
  service: 'Lease',
  path: '/etcdserverpb.Lease/LeaseGrant',
}

export const leaseRevoke: Method<ILeaseRevokeRequest, ILeaseRevokeResponse> = {
  service: 'Lease',
  path: '/etcdserverpb.Lease/LeaseRevoke',
}

/** The stream of renewals. */
export const leaseKeepAlive: Method<ILeaseKeepAliveRequest, ILeaseKeepAliveResponse> = {
  service: 'Lease',
  path: '/etcdserverpb.Lease/LeaseKeepAlive',
}

export const authenticate: Method<IAuthenticateRequest, IAuthenticateResponse> = {
  service: 'Auth',
  path: '/etcdserverpb.Auth/Authenticate',
}
