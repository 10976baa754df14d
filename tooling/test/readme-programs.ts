import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isTestFile, snippetsOf, withServers } from './readme-snippets.ts'
import type { Backend, Snippet } from './readme-snippets.ts'

export const root = join(__dirname, '../..')

/** The READMEs of this repository that have programs. */
export const readmes: readonly { readonly path: string; readonly snippets: readonly Snippet[] }[] =
  ['README.md', ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`)]
    .filter((path) => existsSync(join(root, path)))
    .map((path) => ({ path, snippets: snippetsOf(readFileSync(join(root, path), 'utf8')) }))
    .map(({ path, snippets }) => ({
      path,
      snippets: snippets.filter((snippet) => !isTestFile(snippet)),
    }))
    .filter(({ snippets }) => snippets.length > 0)

/** The name of a README as part of the name of a file. */
export const nameOf = (path: string): string => path.replaceAll(/[^a-z]+/gi, '-')

/** A folder for programs, beside the packages that tooling depends on, so that the programs find them. */
export class ProgramFolder implements Disposable {
  readonly path: string

  constructor(name: string) {
    this.path = join(root, 'tooling/.readme', name)
    mkdirSync(this.path, { recursive: true })
  }

  /** Makes files of the snippets of one README, and returns their names. */
  write(
    name: string,
    snippets: readonly Snippet[],
    addressOf: (backend: Backend) => string,
  ): string[] {
    return snippets.map(({ code, language }, i) => {
      const file = `${name}-${String(i + 1)}.${language}`
      // Without an import or export it would be no module.
      writeFileSync(join(this.path, file), `${withServers(code, addressOf)}\nexport {}\n`)
      return file
    })
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
