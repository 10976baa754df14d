// Tells the answer to a request from all else that a server sends of its own accord: handshakes, settings, pings, window updates.

/** Fed with what the server sends on one connection, from its first byte on; true if an answer begins in this chunk. */
export type AnswerDetector = (chunk: Buffer) => boolean

/** Reads `headerSize` bytes, lets `look` say how many follow, skips those, and so on. */
function frames(
  headerSize: number,
  look: (header: Buffer) => { skip: number; isAnswer: boolean },
): AnswerDetector {
  let header = Buffer.alloc(0)
  let skip = 0
  return (chunk) => {
    let answered = false
    for (let rest = chunk; rest.length > 0;) {
      const skipped = Math.min(skip, rest.length)
      skip -= skipped
      rest = rest.subarray(skipped)
      const missing = headerSize - header.length
      header = Buffer.concat([header, rest.subarray(0, missing)])
      rest = rest.subarray(missing)
      if (header.length < headerSize) continue
      const found = look(header)
      answered ||= found.isAnswer
      skip = found.skip
      header = Buffer.alloc(0)
    }
    return answered
  }
}

/** HTTP/2: HEADERS and DATA are answers. */
function http2Answers(): AnswerDetector {
  return frames(9, (header) => ({
    skip: header.readUIntBE(0, 3),
    isAnswer: header.readUInt8(3) <= 1,
  }))
}

/** ZooKeeper: all but the answer to the connect request and those with a negative xid (watch events, pings, authentication). */
function zookeeperAnswers(): AnswerDetector {
  let connected = false
  return frames(8, (header) => {
    const isAnswer = connected && header.readInt32BE(4) >= 0
    connected = true
    return { skip: header.readInt32BE(0) - 4, isAnswer }
  })
}

/** HTTP/1, and TLS, which cannot be looked into: whatever comes. */
function anyAnswers(): AnswerDetector {
  return () => true
}

/** The detector for what a client's first bytes, sent to `endpoint`, say about the protocol. */
export function answersTo(endpoint: string, firstBytes: Buffer): AnswerDetector {
  if (firstBytes.toString('latin1', 0, 4) === 'PRI ') return http2Answers()
  return endpoint.includes('://') ? anyAnswers() : zookeeperAnswers()
}
