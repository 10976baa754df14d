import { connect, constants } from 'node:http2'
import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2'

export interface GrpcObserver {
  onRequest(path: string): void
  /** A message from the client on a stream that takes more than one. */
  onMessage(path: string): void
}

const streaming = new Set([
  '/etcdserverpb.Watch/Watch',
  '/etcdserverpb.Lease/LeaseKeepAlive',
  '/etcdserverpb.Maintenance/Snapshot',
])

/** Calls `onMessage` for every gRPC message (five bytes of prefix, four of them its length) in the chunks it is given. */
function messageCounter(onMessage: () => void): (chunk: Buffer) => void {
  let prefix = Buffer.alloc(0)
  let body = 0
  return (chunk) => {
    for (let rest = chunk; rest.length > 0;) {
      const skipped = Math.min(body, rest.length)
      body -= skipped
      rest = rest.subarray(skipped)
      const missing = 5 - prefix.length
      prefix = Buffer.concat([prefix, rest.subarray(0, missing)])
      rest = rest.subarray(missing)
      if (prefix.length < 5) continue
      body = prefix.readUInt32BE(1)
      prefix = Buffer.alloc(0)
      onMessage()
    }
  }
}

/** Passes gRPC calls from HTTP/2 sessions on to a server, each session over one of its own. */
export class GrpcForwarder {
  readonly #target: string
  readonly #observer: GrpcObserver
  readonly #toLose = new Set<string>()

  constructor(target: string, observer: GrpcObserver) {
    this.#target = target
    this.#observer = observer
  }

  loseNextAnswer(path: string): void {
    this.#toLose.add(path)
  }

  serve(session: ServerHttp2Session): void {
    const upstream = connect(this.#target, {
      settings: { initialWindowSize: 1 << 20, enablePush: false },
    })
    upstream.on('error', () => session.destroy())
    upstream.on('close', () => session.destroy())
    session.on('error', () => upstream.destroy())
    session.on('close', () => upstream.destroy())
    session.on('stream', (stream, headers) => this.#forward(stream, headers, upstream))
  }

  #forward(
    client: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    session: ClientHttp2Session,
  ): void {
    const path = headers[':path'] ?? '/'
    const loses = this.#toLose.delete(path)
    this.#observer.onRequest(path)
    if (streaming.has(path))
      client.on(
        'data',
        messageCounter(() => this.#observer.onMessage(path)),
      )

    const upstream = session.request(headers, { endStream: false })
    client.pipe(upstream)
    if (loses) upstream.once('response', () => client.session?.destroy())
    else passAnswer(upstream, client)

    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => {})
      one.on('close', () => {
        // Not after a regular end: the other one may still have bytes to send.
        if (one.rstCode !== constants.NGHTTP2_NO_ERROR && !other.closed) other.close(one.rstCode)
      })
    }
  }
}

function passAnswer(upstream: ClientHttp2Stream, client: ServerHttp2Stream): void {
  let trailers: IncomingHttpHeaders | undefined
  upstream.once('trailers', (received: IncomingHttpHeaders) => {
    trailers = received
  })
  upstream.once('response', (headers, flags) => {
    // An answer that fails at once is headers only, with the gRPC status in them.
    if (flags & constants.NGHTTP2_FLAG_END_STREAM) {
      client.respond(headers, { endStream: true })
      return
    }
    client.respond(headers, { waitForTrailers: true })
    client.once('wantTrailers', () => client.sendTrailers(trailers ?? {}))
    upstream.pipe(client)
  })
}
