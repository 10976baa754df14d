import { expect, it } from '@jest/globals'
import { systemRuntime } from '@libkv/core/driver'
import { FrameReader } from '../../src/client/frame-reader.ts'
import { readGrant } from '../../src/client/handshake.ts'
import { ZooKeeperError } from '../../src/client/index.ts'
import { JuteReader } from '../../src/client/jute-reader.ts'
import { Paths } from '../../src/client/paths.ts'
import { Pipeline } from '../../src/client/pipeline.ts'
import { Watches } from '../../src/client/watches.ts'
import { exchanges } from './answers.ts'
import { mutated } from './mutation.ts'
import { frameOf, reply } from './scripted-server.ts'
import { seeded } from './support.ts'

const seed = Number(process.env['LIBKV_TEST_SEED'] ?? Date.now() % 2 ** 31)

const MAX_FRAME = 1 << 16
const wire = { backlog: 0, write: () => {} }
const hungUp = new ZooKeeperError('CONNECTION_LOSS', 'the server hung up')
const clock = { sent: () => {} }

/** A session's pipeline with a connection that is there whenever one is needed. */
class Peer {
  readonly watches = new Watches()
  readonly pipeline = new Pipeline({
    runtime: systemRuntime,
    paths: new Paths('/chroot'),
    watches: this.watches,
    maxRequest: 1 << 16,
  })
  xid = 0
  constructor() {
    this.connect()
  }

  connect(): void {
    this.pipeline.attach(wire, clock, 0)
    this.pipeline.open()
  }
}

const event = frameOf((writer) => {
  writer.int(-1)
  writer.long(-1n)
  for (const int of [0, 3, 3]) writer.int(int)
  writer.string('/chroot/app')
})
const grant = frameOf((writer) => {
  writer.int(0)
  writer.int(10_000)
  writer.long(7n)
  writer.buffer(new Uint8Array(16))
  writer.bool(false)
})
const bodies = exchanges.map(({ write }) => reply(0, 0, write, 5n))

/** Mutated frames, that many of them. */
export function fuzzCase(frames: number): void {
  it(`is an answer or an error of its own, in each of ${frames} frames (seed ${seed})`, async () => {
    // Half of the frames are errors, and stack traces would take most of the time.
    Error.stackTraceLimit = 0
    const random = seeded(seed)
    const peer = new Peer()
    const outcomes = { resolved: 0, rejected: 0, foreign: [] as unknown[], made: 0 }
    const onResolved = (): void => {
      outcomes.resolved++
    }
    const onRejected = (error: unknown): void => {
      outcomes.rejected++
      if (!(error instanceof ZooKeeperError)) outcomes.foreign.push(error)
    }
    for (let i = 0; i < frames; i++) {
      const kind = i % (exchanges.length + 2)
      const { operation, target } = exchanges[kind % exchanges.length] as (typeof exchanges)[0]
      if (kind === exchanges.length) {
        readMutatedGrant(random)
        continue
      }
      outcomes.made++
      peer.pipeline.submit(operation, target).then(onResolved, onRejected)
      let frame = event
      if (kind < exchanges.length) {
        frame = bodies[kind] as Buffer
        frame.writeInt32BE(++peer.xid, 4)
      } else {
        peer.xid++
      }
      feed(peer, mutated(frame, random), random)
      if (i % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    peer.pipeline.end('CLOSED', 'the test is over')
    await new Promise((resolve) => setImmediate(resolve))
    expect(outcomes.foreign).toEqual([])
    expect(outcomes.resolved + outcomes.rejected).toBe(outcomes.made)
    // Mutations that always hit, or never, would test nothing.
    expect(outcomes.resolved).toBeGreaterThan(frames / 20)
    expect(outcomes.rejected).toBeGreaterThan(frames / 20)
  }, 600_000)
}

function feed(peer: Peer, bytes: Buffer, random: () => number): void {
  const frames = new FrameReader(MAX_FRAME, (frame) => {
    peer.pipeline.receive(frame)
  })
  const cut = random() < 0.3 ? Math.floor(random() * bytes.length) : 0
  let lost = hungUp
  try {
    if (cut > 0) frames.push(bytes.subarray(0, cut))
    frames.push(bytes.subarray(cut))
  } catch (error) {
    if (!(error instanceof ZooKeeperError)) throw error
    lost = error
  }
  frames.stop()
  peer.pipeline.lose(lost)
  peer.connect()
}

function readMutatedGrant(random: () => number): void {
  const frame = mutated(grant, random).subarray(4)
  try {
    const { password } = readGrant(new JuteReader(frame))
    if (password.length > frame.length) throw new Error('a password from nowhere')
  } catch (error) {
    if (!(error instanceof ZooKeeperError)) throw error
  }
}
