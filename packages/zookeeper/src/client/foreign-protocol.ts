// The first bytes of a TLS record: an alert, and the major version.
const TLS_ALERT = 0x1503
// "HTTP"
const HTTP = 0x48545450

/**
 * The protocol of a server that does not speak ZooKeeper's, recognised by the four bytes where the length of a frame is
 * expected.
 */
export function foreignProtocol(length: number): string | undefined {
  if (length >>> 16 === TLS_ALERT) {
    return 'a TLS alert: set tls, or connect to a port without TLS'
  }
  if (length === HTTP) return "an HTTP response: connect to ZooKeeper's client port"
  return undefined
}
