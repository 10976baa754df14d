import { expect } from '@jest/globals'
import { inspect } from 'node:util'

/** What no message or cause may contain: texts of OpenSSL and of gRPC's library, and values that were never meant as text. */
const foreign =
  /error:[0-9A-F]{8}|SSL routines|deps\/openssl|Resolution note|Last error|\d+ UNAVAILABLE|undefined|\[object |: ?$/

/** Requires of an error that its message is in plain words, and that neither it nor its cause contains the secrets. */
export function expectPlainMessage(error: unknown, secrets: readonly string[] = []): void {
  const { message, cause } = error as Error
  expect(message).not.toMatch(foreign)
  expect(message).not.toContain('\n')
  if (cause instanceof Error) expect(cause.message).not.toMatch(foreign)
  const all = inspect(error, { depth: Infinity })
  for (const secret of secrets) expect(all).not.toContain(secret)
}
