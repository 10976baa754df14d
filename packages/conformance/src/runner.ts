/** Registers one case. */
export type RegisterCase = (name: string, body: () => Promise<void>) => unknown

/** What the suite needs of a test runner. Jest, Vitest and `node:test` have it under these names. */
export interface Runner {
  readonly describe: (name: string, body: () => void) => unknown
  /** Its `skip`, where there is one, takes the cases that `capabilities` rule out. */
  readonly it: RegisterCase & { readonly skip?: RegisterCase }
}
