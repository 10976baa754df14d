import { tlsMessageCases } from '@libkv/testing/backend-cases/tls-messages'
import { tlsCases } from '@libkv/testing/backend-cases/tls'
import { etcdUnderTest } from './etcd-under-test.ts'

tlsCases(etcdUnderTest)

// etcd closes such connections without an alert, and grpc-js does not pass the certificate on.
tlsMessageCases(etcdUnderTest, {
  expectsTls: /closed the connection without an answer: if it expects TLS, set tls or use https:/,
  speaksNoTls: /closed the connection during the TLS handshake: if it does not speak TLS, remove/,
  expired: /: the server's certificate has expired: renew it on the server$/,
})
