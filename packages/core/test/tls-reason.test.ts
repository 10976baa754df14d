import { describe, expect, it } from '@jest/globals'
import { tlsReason } from '../src/driver.ts'

/** An error as Node.js makes it. */
const error = (code: string, message: string, cert?: object): Error =>
  Object.assign(new Error(message), { code, ...(cert && { cert }) })

/** An error as Node.js makes it of OpenSSL's. */
const openssl = (code: string, reason: string): Error =>
  error(
    code,
    `802C2B27477F0000:error:0A00010B:SSL routines:ssl3_read_bytes:${reason}:../deps/openssl/openssl/ssl/record/rec_layer_s3.c:1601:SSL alert number 42\n`,
  )

const names =
  "Hostname/IP does not match certificate's altnames: Host: db.example. is not in the cert's altnames: "

const sentences: Record<string, readonly [error: unknown, sentence: RegExp]> = {
  'an expired certificate': [
    error('CERT_HAS_EXPIRED', 'certificate has expired'),
    /^the server's certificate has expired: renew it on the server$/,
  ],
  'an expired certificate with its date': [
    error('CERT_HAS_EXPIRED', 'certificate has expired', {
      valid_to: 'Jan  1 00:00:00 2021 GMT',
    }),
    /^the server's certificate expired on 2021-01-01: /,
  ],
  'an expired certificate above the server’s, with its date': [
    error('CERT_HAS_EXPIRED', 'certificate has expired', {
      valid_to: 'Jan  1 00:00:00 2120 GMT',
      issuerCertificate: { valid_to: 'May 17 00:00:00 2024 GMT' },
    }),
    /^the server's certificate expired on 2024-05-17: /,
  ],
  'an expired certificate with a date that cannot be read': [
    error('CERT_HAS_EXPIRED', 'certificate has expired', { valid_to: 'soon' }),
    /^the server's certificate has expired: /,
  ],
  'a certificate of the future': [
    error('CERT_NOT_YET_VALID', 'certificate is not yet valid', {
      valid_from: 'Jan  1 00:00:00 2100 GMT',
    }),
    /^the server's certificate is not valid before 2100-01-01: check the clocks/,
  ],
  'a self-signed certificate': [
    error('DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate'),
    /^the server's certificate is self-signed and not trusted: add it to tls\.ca$/,
  ],
  'a self-signed certificate in the words of OpenSSL 1.1': [
    'self signed certificate',
    /^the server's certificate is self-signed/,
  ],
  'a self-signed CA': [
    error('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain'),
    /^the server's certificate was issued by an unknown CA: add that CA to tls\.ca$/,
  ],
  'an unknown CA': [
    error('UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unable to verify the first certificate'),
    /unknown CA/,
  ],
  'an unknown intermediate CA': [
    error('UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'unable to get local issuer certificate'),
    /unknown CA/,
  ],
  'a revoked certificate': [error('CERT_REVOKED', 'certificate revoked'), /was revoked/],
  'a certificate that cannot be verified for another reason': [
    error('CERT_CHAIN_TOO_LONG', 'certificate chain too long'),
    /^the server's certificate cannot be verified \(CERT_CHAIN_TOO_LONG\)$/,
  ],
  'another host name': [
    error('ERR_TLS_CERT_ALTNAME_INVALID', `${names}DNS:a.example, DNS:b.example`),
    /^the server's certificate is not for db\.example, but for DNS:a\.example, DNS:b\.example: set tls\.servername to a name in it$/,
  ],
  'another IP address': [
    "Hostname/IP does not match certificate's altnames: IP: 10.0.0.1 is not in the cert's list: ",
    /^the server's certificate is for another host name: set tls\.servername/,
  ],
  'a client certificate that is required': [
    openssl('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'tlsv13 alert certificate required'),
    /^the server requires a client certificate: set tls\.cert and tls\.key$/,
  ],
  'a client certificate that is refused': [
    openssl('EPROTO', 'sslv3 alert bad certificate'),
    /^the server requires a client certificate, or refused the one in tls\.cert/,
  ],
  'a client certificate that is refused, in the words of OpenSSL 3.5': [
    openssl('ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', 'ssl/tls alert bad certificate'),
    /^the server requires a client certificate, or refused the one in tls\.cert/,
  ],
  'a client certificate of an unknown CA': [
    openssl('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'tlsv1 alert unknown ca'),
    /^the server refused the client certificate: it does not trust the CA that issued tls\.cert$/,
  ],
  'a client certificate that has expired': [
    openssl('ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'sslv3 alert certificate expired'),
    /^the server refused the client certificate: tls\.cert has expired, renew it$/,
  ],
  'a client certificate that was revoked': [
    openssl('ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED', 'sslv3 alert certificate revoked'),
    /^the server refused the client certificate: check tls\.cert$/,
  ],
  'a name that the server does not serve': [
    openssl('ERR_SSL_TLSV1_UNRECOGNIZED_NAME', 'tlsv1 alert unrecognized name'),
    /tls\.servername/,
  ],
  'a handshake that the server refuses': [
    openssl('ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'sslv3 alert handshake failure'),
    /^the server refused the TLS handshake: .*tls\.cert/,
  ],
  'versions that do not meet': [
    openssl('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'tlsv1 alert protocol version'),
    /no version of TLS in common/,
  ],
  'another protocol within TLS': [
    openssl('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', 'tlsv1 alert no application protocol'),
    /another protocol/,
  ],
  'a server in plain text': [
    openssl('ERR_SSL_WRONG_VERSION_NUMBER', 'wrong version number'),
    /^the server does not speak TLS: remove the option tls, or connect to its TLS port$/,
  ],
  'a server in plain text, with the code of a system call': [
    openssl('EPROTO', 'packet length too long'),
    /^the server does not speak TLS/,
  ],
  'a server that hangs up': [
    error(
      'ECONNRESET',
      'Client network socket disconnected before secure TLS connection was established',
    ),
    /^the server closed the connection during the TLS handshake: if it does not speak TLS/,
  ],
  'a connection that was cut': [
    openssl('ERR_SSL_UNEXPECTED_EOF_WHILE_READING', 'unexpected eof while reading'),
    /^the server closed the TLS connection unexpectedly$/,
  ],
  'anything else of OpenSSL': [
    openssl('ERR_SSL_BAD_SIGNATURE', 'bad signature'),
    /^the TLS handshake failed \(bad signature\)$/,
  ],
  'anything else of OpenSSL by its code alone': [
    error('ERR_SSL_BAD_ECPOINT', ''),
    /^the TLS handshake failed \(bad ecpoint\)$/,
  ],
}

describe('the reason of a failed TLS connection', () => {
  for (const [what, [failure, sentence]] of Object.entries(sentences)) {
    it(`is a sentence for ${what}`, () => {
      const reason = tlsReason(failure)
      expect(reason).toMatch(sentence)
      expect(reason).not.toMatch(/error:|deps\/openssl|SSL routines|\n/)
    })
  }

  it('quotes no more than a line of names from a certificate', () => {
    const many = Array.from({ length: 1_000 }, (_, i) => `DNS:host-${i}.example`).join(', ')
    const reason = tlsReason(error('ERR_TLS_CERT_ALTNAME_INVALID', `${names}${many}\nforged`)) ?? ''
    expect(reason.length).toBeLessThan(400)
    expect(reason).toMatch(/DNS:host-0\.example, .* …: set tls\.servername/)
  })

  const others: Record<string, unknown> = {
    'a refused connection': error('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:1'),
    'a mistake in a program': new TypeError('x is not a function'),
    text: 'text',
    'an empty object': {},
    null: null,
    undefined,
  }
  for (const [what, other] of Object.entries(others)) {
    it(`is undefined for ${what}`, () => {
      expect(tlsReason(other)).toBeUndefined()
    })
  }
})
