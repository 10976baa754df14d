/** @jest-config-loader esbuild-register */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const folders = [...readdirSync('packages').map((name) => join('packages', name)), 'tooling']

export default {
  testTimeout: 30_000,
  globalSetup: '<rootDir>/tooling/jest-setup.ts',
  projects: folders.map((folder) => ({
    displayName: folder.replace('packages/', ''),
    rootDir: folder,
    testMatch: ['<rootDir>/test/**/*.test.ts'],
    testEnvironment: 'node',
    testEnvironmentOptions: { customExportConditions: ['@libkv/source', 'node', 'node-addons'] },
    transform: {
      '\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } }],
    },
  })),
}
