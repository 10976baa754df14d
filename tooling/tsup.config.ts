import { existsSync } from 'node:fs'
import { defineConfig } from 'tsup'

// Every package is built the same way: ES module and CommonJS, with types for each.
export default defineConfig({
  // The doors of a package. They share their code, in CommonJS as well, so that each class exists once.
  entry: ['src/index.ts', 'src/driver.ts', 'src/recipe.ts'].filter((file) => existsSync(file)),
  format: ['esm', 'cjs'],
  splitting: true,
  target: 'node20',
  platform: 'node',
  removeNodeProtocol: false,
  clean: true,
  dts: {
    compilerOptions: {
      // TypeScript 6 warns of an option that tsup sets.
      ignoreDeprecations: '6.0',
      // It rejects methods named by core's `asyncDispose`.
      isolatedDeclarations: false,
    },
  },
})
