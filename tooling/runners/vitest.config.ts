import { defineConfig } from 'vitest/config'

const conditions = ['@libkv/source']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['tooling/runners/vitest.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
