import { tlsMessageCases } from '@libkv/testing/backend-cases/tls-messages'
import { tlsCases } from '@libkv/testing/backend-cases/tls'
import { consulUnderTest } from './consul-under-test.ts'

tlsCases(consulUnderTest)

tlsMessageCases(consulUnderTest, {
  expectsTls: /: the server expects TLS: set tls, or use https:\/\/ addresses$/,
  speaksNoTls:
    /: the server does not speak TLS: remove the option tls, or connect to its TLS port$/,
  expired: /: the server's certificate expired on 2021-01-01: renew it on the server$/,
})
