import { abortable, throwIfAborted } from '../calls/abort.ts'
import type { Driver, Entry, Observation } from '../driver-kit/driver.ts'

/**
 * Waits until a predecessor leaves the queue or its entry is rewritten. May resolve early where the
 * driver reports only that something changed: the queue is read again in any case.
 *
 * @param onRewritten - called when the entry was rewritten in place, which a holder does to wake a
 * chosen successor.
 * @throws the reason of the signal; the error of a feed that failed.
 */
export async function waitForDeparture(
  driver: Driver,
  predecessor: Entry,
  signal: AbortSignal,
  onRewritten: () => void,
): Promise<void> {
  throwIfAborted(signal)
  let observation: Observation | undefined
  const departed = new Promise<void>((resolve, reject) => {
    const inspect = (entry: Entry | undefined): void => {
      if (entry?.revision === predecessor.revision) return
      if (entry !== undefined) onRewritten()
      resolve()
    }
    observation = driver.observe(
      { key: predecessor.key },
      {
        snapshot: (entries) => {
          inspect(entries[0])
        },
        changes: (changes) => {
          for (const change of changes) inspect(change.type === 'put' ? change.entry : undefined)
        },
        // Closing the feed here saves the driver the read: the queue is read again anyway.
        stirred: () => {
          observation?.close()
          resolve()
        },
        fail: reject,
      },
    )
  })
  try {
    await abortable(departed, signal)
  } finally {
    observation?.close()
  }
}
