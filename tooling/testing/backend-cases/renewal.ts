import { sessionChannel } from '@libkv/core'
import type { SessionMessage } from '@libkv/core'
import { waitFor } from '../wait-for.ts'

/** Resolves when the session is renewed. */
export async function renewal(id: string): Promise<void> {
  let renewed = false
  const onMessage = (message: unknown): void => {
    const { id: which, event } = message as SessionMessage
    if (which === id && event === 'renewed') renewed = true
  }
  sessionChannel.subscribe(onMessage)
  try {
    await waitFor(() => renewed, { what: 'the session to be renewed' })
  } finally {
    sessionChannel.unsubscribe(onMessage)
  }
}
