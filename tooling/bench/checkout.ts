import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UsageError } from './arguments.ts'
import { command } from './command.ts'

/** The files of a commit in a temporary folder, which is removed with it. */
export class Checkout {
  readonly commit: string
  readonly folder: string
  readonly #temporary: string

  private constructor(commit: string, temporary: string) {
    this.commit = commit
    this.folder = join(temporary, 'tree')
    this.#temporary = temporary
  }

  /**
   * Writes the files and installs their dependencies with the commit's own installer.
   *
   * @throws UsageError for a revision that is none, or that is older than the installer.
   */
  static async of(revision: string, signal: AbortSignal): Promise<Checkout> {
    const commit = await commitOf(revision, signal)
    const checkout = new Checkout(commit, await mkdtemp(join(tmpdir(), 'libkv-bench-')))
    try {
      await checkout.#fill(signal)
    } catch (error) {
      await checkout[Symbol.asyncDispose]()
      throw error
    }
    return checkout
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#temporary, { recursive: true, force: true, maxRetries: 3 })
  }

  async #fill(signal: AbortSignal): Promise<void> {
    // An index of its own: neither that of the repository nor its list of worktrees changes.
    const env = { GIT_INDEX_FILE: join(this.#temporary, 'index') }
    await command('git', ['read-tree', this.commit], { env, signal })
    await command('git', ['checkout-index', '--all', `--prefix=${this.folder}/`], { env, signal })
    if (!existsSync(join(this.folder, 'tooling/install.mjs'))) {
      throw new UsageError(`commit ${this.commit} has no tooling/install.mjs to install it with`)
    }
    await command(process.execPath, ['tooling/install.mjs'], { cwd: this.folder, signal })
  }
}

async function commitOf(revision: string, signal: AbortSignal): Promise<string> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`]
  try {
    return (await command('git', args, { signal })).trim()
  } catch (error) {
    if (signal.aborted) throw error
    throw new UsageError(`unknown commit '${revision}'`)
  }
}
