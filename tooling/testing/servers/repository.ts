import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * A path inside the repository. Found by walking up from the working directory, because these modules are loaded as CommonJS by
 * Jest and as ES modules elsewhere, and no way to ask for a module's own path works in both.
 */
export function repositoryPath(...segments: readonly string[]): string {
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'pnpm-workspace.yaml'))) return join(folder, ...segments)
    if (folder === dirname(folder))
      throw new Error(`${process.cwd()} is not inside the libkv repository`)
  }
}
