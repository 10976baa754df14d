import type { Access, Backend, Recipe, Security } from './recipe.ts'
import type { ManagedNode } from './server-node.ts'

/** Which servers a runtime is to make. */
export interface WantedServers {
  readonly backend: Backend
  readonly recipe: Recipe
  /** Asked at each use, because credentials come to be after the start. */
  readonly access: () => Access
  readonly security: Security
  readonly args: readonly string[]
  /** Of the program or the image. */
  readonly version: string
  /** The ports of each server; their number says how many servers. */
  readonly ports: readonly (readonly number[])[]
}

/** What a runtime makes of that: the servers, none of them running yet, and what is left to do after their removal. */
export interface ServerSet {
  readonly nodes: readonly ManagedNode[]
  readonly cleanUp: () => Promise<void>
}

/** `{conf}` in an argument is the folder of the server's configuration, which differs between runtimes. */
export function fillIn(args: readonly string[], conf: string): string[] {
  return args.map((arg) => arg.replaceAll('{conf}', conf))
}
