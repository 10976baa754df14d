// The slowest files start first; left alone, Jest goes by file size where it knows no times, and they are the shortest.
import Sequencer from '@jest/test-sequencer'

const slowest = [
  /\.matrix\./,
  /(elections|processes|resets|requests|soak|conformance)\.heavy\./,
  /conformance/,
  /session|slips|\/memory\.test/,
  /feeds|quirks|readme|requests|watch/,
  /faults|lost-answers|tour/,
  /auth|close|directories|lease|model|round-trips|tls|unreachable/,
  /failover/,
]

function rank({ path }) {
  const place = slowest.findIndex((pattern) => pattern.test(path.slice(path.lastIndexOf('/test/'))))
  return place < 0 ? slowest.length : place
}

export default class SlowestFirst extends (Sequencer.default ?? Sequencer) {
  sort(tests) {
    return [...super.sort(tests)].sort((a, b) => rank(a) - rank(b))
  }
}
