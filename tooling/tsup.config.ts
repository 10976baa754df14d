import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { defineConfig } from 'tsup'

const common = {
  target: 'node20',
  platform: 'node',
  removeNodeProtocol: false,
}

const dts = {
  compilerOptions: {
    // TypeScript 6 warns of an option that tsup sets.
    ignoreDeprecations: '6.0',
    // It rejects methods named by core's `asyncDispose`.
    isolatedDeclarations: false,
  },
}

const doors = ['src/index.ts', 'src/driver.ts', 'src/recipe.ts'].filter((file) => existsSync(file))

// Every package is built the same way: ES module and CommonJS, with types for each. Where a package has several doors, they
// share their code: as ES modules in chunks, and as CommonJS, for which esbuild makes no chunks, in one file.
export default defineConfig(
  doors.length === 1
    ? { ...common, entry: doors, format: ['esm', 'cjs'], clean: true, dts }
    : [
        { ...common, entry: doors, format: 'esm', splitting: true, onSuccess: writeCommonJs },
        { ...common, entry: { all: 'src/all.ts' }, format: 'cjs' },
        { ...common, entry: doors, format: ['esm', 'cjs'], dts: { ...dts, only: true } },
      ],
)

/** Writes each door in CommonJS: the names that it has as an ES module, out of the one file. */
async function writeCommonJs() {
  for (const door of doors.map((file) => file.replace(/^src\/|\.ts$/g, ''))) {
    const exported = Object.keys(await import(pathToFileURL(resolve('dist', `${door}.js`)).href))
    const lines = exported.map((name) => `exports.${name} = all.${name}\n`)
    const head = `'use strict'\nconst all = require('./all.cjs')\n`
    await writeFile(`dist/${door}.cjs`, head + lines.join(''))
  }
}
