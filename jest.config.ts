/** @jest-config-loader esbuild-register */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

// `npm test` runs `*.test.ts`. `.ci/run` adds `*.heavy.ts`, what takes long, and `*.matrix.ts`, the suite on clusters, with TLS
// and with access control.
const kinds = [
  'test',
  ...(process.env['LIBKV_TEST_DEPTH'] === 'full' ? ['heavy'] : []),
  ...(process.env['LIBKV_TEST_MATRIX'] === 'full' ? ['matrix'] : []),
]

/** A package that is not finished is private, and tested only where LIBKV_TEST_BACKENDS names it. */
function isTested(name: string): boolean {
  const manifest = JSON.parse(readFileSync(join('packages', name, 'package.json'), 'utf8'))
  return !manifest.private || (process.env['LIBKV_TEST_BACKENDS'] ?? '').split(',').includes(name)
}

const packages = readdirSync('packages').filter(isTested)
const folders = [...packages.map((name) => join('packages', name)), 'tooling']

export default {
  // Beyond the timeouts of the waits in a test, which report what they waited for.
  testTimeout: 120_000,
  // Tests of servers mostly wait. The five conformance suites, which take longest, all begin at once.
  maxWorkers: 5,
  testSequencer: '<rootDir>/tooling/jest-sequencer.mjs',
  globalSetup: '<rootDir>/tooling/jest-setup.ts',
  projects: folders.map((folder) => ({
    displayName: folder.replace('packages/', ''),
    rootDir: folder,
    testMatch: kinds.map((kind) => `<rootDir>/test/**/*.${kind}.ts`),
    testEnvironment: 'node',
    testEnvironmentOptions: { customExportConditions: ['@libkv/source', 'node', 'node-addons'] },
    transform: {
      '\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } }],
    },
  })),
}
