import type { Servers } from '@libkv/testing/servers'

export { MINIMUM_TTL } from './consul-under-test.ts'

/** The ids of the sessions that the server has. */
export async function sessionsOf(servers: Servers): Promise<readonly string[]> {
  const answer = await fetch(`${servers.endpoints[0] ?? ''}/v1/session/list`)
  return ((await answer.json()) as { ID: string }[]).map(({ ID }) => ID)
}
