// Speed beside the raw clients, or CPU time beside another commit: see README.md.
import { compareWithCommit } from './against.ts'
import { UsageError, parseArguments } from './arguments.ts'
import { build, root } from './command.ts'

class Interrupted extends Error {}

/** Does the work; SIGINT and SIGTERM abort it, so that it cleans up before the process ends. */
async function interruptible(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController()
  const interrupt = (name: NodeJS.Signals): void => {
    controller.abort(new Interrupted(`ended by ${name}`))
  }
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  try {
    await work(controller.signal)
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}

try {
  const given = parseArguments(process.argv.slice(2))
  const { against } = given
  if (against === undefined) {
    await interruptible((signal) => build(root, [...given.endpoints.keys()], signal))
    const { compareWithRawClients } = await import('./beside.ts')
    await compareWithRawClients(given.endpoints)
  } else {
    await interruptible((signal) => compareWithCommit(against, given, signal))
  }
} catch (error) {
  if (!(error instanceof UsageError || error instanceof Interrupted)) throw error
  console.error(error.message)
  process.exitCode = error instanceof UsageError ? 64 : 130
}
