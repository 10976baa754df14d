// Makes every slip on one backend, in a process of its own, and prints what became of each as a line of JSON:
//   node --conditions=@libkv/source --import tsx tooling/slips/run.ts etcd 127.0.0.1:2379
import { readFileSync } from 'node:fs'
import { newStore } from '@libkv/core'
import { slips } from './slips.ts'
import type { SlipContext } from './slips.ts'

/** What became of a slip, or of the process. */
export interface SlipOutcome {
  readonly name: string
  /** The name of the error, and its code if it has one; what else was thrown, as text; undefined when nothing was. */
  readonly error?: {
    readonly name: string
    readonly code?: string | undefined
    readonly message: string
  }
  /** All that a log might show of the error. */
  readonly shown?: string
  /** In milliseconds, less the time by which the event loop was late for reasons of its own. */
  readonly duration?: number
}

const print = (outcome: SlipOutcome): void => {
  console.log(JSON.stringify(outcome))
}

process.on('warning', ({ name, message }) => {
  print({ name: `warning: ${name}`, shown: message })
})
process.on('unhandledRejection', (reason) => {
  print({ name: 'unhandled rejection', shown: String(reason) })
})

const [backend = 'memory', ...addresses] = process.argv.slice(2)
const certificate = (name: string): string =>
  readFileSync(new URL(`../testing/servers/certs/${name}`, import.meta.url), 'utf8')
const pem = {
  ca: certificate('ca.pem'),
  cert: certificate('client.pem'),
  encryptedKey: certificate('client-encrypted.key'),
}
const namespace = `slips-${String(process.pid)}`
const kv = await newStore(backend, addresses, { namespace })
await kv.ready()

for (const [index, { name, run, needsServers }] of slips.entries()) {
  if (needsServers === true && backend === 'memory') continue
  const context: SlipContext = { backend, addresses, kv, key: `key-${String(index)}`, pem }
  const start = performance.now()
  try {
    await run(context)
    print({ name })
  } catch (error) {
    const duration = performance.now() - start
    const {
      name: kind = typeof error,
      code,
      message = String(error),
      cause,
    } = Object(error) as Partial<Error> & { code?: string }
    const shown = [
      String(error),
      JSON.stringify(error),
      String((error as Error).stack),
      String(cause),
    ].join('\n')
    print({ name, error: { name: kind, code, message }, shown, duration })
  }
}
const left = await kv.keys('')
if (left.length > 0) print({ name: 'written', shown: left.join() })
await kv.deleteTree('')
await kv.close()
