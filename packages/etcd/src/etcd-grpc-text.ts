import { connectionReason, describeAnswer, serverText } from '@libkv/core/driver'
import type { ConnectionContext } from '@libkv/core/driver'

const CHECK = 'check that the address is that of an etcd server'
const LOST = 'the connection to the server was lost'

/** What grpc-js writes around the reason of a failed connection. */
const UNCONNECTED = /^No connection established\. Last error: (.*)\. Resolution note: .*$/s

/** The texts of grpc-js itself, and their sentences. A function gets the first group of the pattern. */
const phrases: readonly (readonly [RegExp, string | ((group: string) => string)])[] = [
  [/^No connection established/, 'the connection failed'],
  [/^Name resolution failed/, 'the host name cannot be resolved: check the address'],
  [
    /^Received HTTP status code (\d+)/,
    (status) => `the server answered with HTTP status ${status}: ${CHECK}`,
  ],
  [
    /Call ended without gRPC status|^No (status information|message) received/,
    `the server does not answer in gRPC: ${CHECK}`,
  ],
  [
    /^Stream refused by server/,
    'the server refused the request before it began: too many requests are open, or the server stops',
  ],
  [/^(?:read|write) (E[A-Z]+)$/, (code) => `${LOST} (${code})`],
  [/triggered by internal client error: (.*)/s, (text) => reasonIn(text, {})],
  [
    /^Received RST_STREAM with code (\d+)/,
    (code) => `the server ended the request without a reason (HTTP/2 code ${code})`,
  ],
  [/^Connection dropped|^Channel (has been shut down|closed before)/, LOST],
  [/^Call cancelled|^Cancelled on client/, 'the request was cancelled'],
  [
    /^Response message parsing error|^Failed to decompress/,
    'the answer of the server cannot be decoded',
  ],
]

/**
 * The sentence for the text of a failed call. grpc-js reports everything as text: the message of a server, the error of a
 * connection, and its own. The text lacks what Node.js knows about a certificate, such as its expiry date.
 */
export function sentenceOf(status: number, text: string, context: ConnectionContext): string {
  const lastError = UNCONNECTED.exec(text)?.[1]
  if (lastError !== undefined) return reasonIn(lastError, context)
  for (const [pattern, sentence] of phrases) {
    const match = pattern.exec(text)
    if (match !== null) return typeof sentence === 'string' ? sentence : sentence(match[1] ?? '')
  }
  return serverText(text) ?? `the server ${describeAnswer(text, `gRPC status ${String(status)}`)}`
}

/** The reason in the text of an error of `node:net`, `node:tls` or `node:http2`. */
function reasonIn(text: string, context: ConnectionContext): string {
  // `Error [CODE]: message`, or the message with the time of the failure.
  const message = text.replace(/^Error(?: \[\w+\])?: /, '').replace(/\s*\(\d{4}-\d\d-[^()]*\)$/, '')
  if (/^(null|undefined)?$/.test(message)) return 'the connection failed'
  if (/^(Failed to connect|Socket closed|Connection closed before)/.test(message)) {
    return connectionReason({ code: 'ECONNRESET' }, context)
  }
  if (/^(Protocol error|Frame size error|Session closed with error)/.test(message)) {
    const guess = context.unanswered === 'plain' ? ', and whether the server expects TLS' : ''
    return `the server does not speak HTTP/2: ${CHECK}${guess}`
  }
  const code = /\b(?:connect|read|write|getaddrinfo) (E[A-Z_]+)/.exec(message)?.[1]
  return connectionReason({ code, message }, context)
}
