import { defineConfig } from 'tsup'

// Every package is built the same way: ES module and CommonJS, with types for each.
export default defineConfig({
  entry: ['src/index.ts'],
  format: ['esm', 'cjs'],
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
