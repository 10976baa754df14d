import { readFileSync } from 'node:fs'

import { repositoryPath } from './repository.ts'

/** What a client needs for mutual TLS, and what it needs to fail at it. All PEM text but the passphrase. */
export interface ClientTls {
  readonly ca: string
  readonly cert: string
  readonly key: string
  /** `key` again, as PKCS#8 under `passphrase`. */
  readonly encryptedKey: string
  readonly passphrase: string
  /** A CA that did not sign the server's certificate. */
  readonly otherCa: string
}

function pem(name: string): string {
  return readFileSync(repositoryPath('tooling', 'testing', 'servers', 'certs', name), 'utf8')
}

export function clientTls(): ClientTls {
  return {
    ca: pem('ca.pem'),
    cert: pem('client.pem'),
    key: pem('client.key'),
    encryptedKey: pem('client-encrypted.key'),
    passphrase: 'test-only',
    otherCa: pem('other-ca.pem'),
  }
}

/** A key and two certificates for it that a client has a reason to refuse. All PEM text. */
export interface DoubtfulCertificates {
  readonly key: string
  readonly selfSigned: string
  /** It expired on 2021-01-01. A client that trusts it as its own CA has no other reason. */
  readonly expired: string
}

export function doubtfulCertificates(): DoubtfulCertificates {
  return { key: pem('lone.key'), selfSigned: pem('self-signed.pem'), expired: pem('expired.pem') }
}

/** The files that a server with TLS has beside its configuration; `keystore.pem` is key and certificate in one, for ZooKeeper. */
export function serverTlsFiles(): Record<string, string> {
  const cert = pem('server.pem')
  const key = pem('server.key')
  return {
    'ca.pem': pem('ca.pem'),
    'server.pem': cert,
    'server.key': key,
    'keystore.pem': key + cert,
  }
}

/** The key pair for `etcd --auth-token jwt,pub-key={conf}/jwt.pub,priv-key={conf}/jwt.key,sign-method=RS256`. */
export function jwtFiles(): Record<string, string> {
  return { 'jwt.key': pem('jwt.key'), 'jwt.pub': pem('jwt.pub') }
}
