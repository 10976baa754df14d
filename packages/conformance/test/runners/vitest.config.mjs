export default {
  resolve: { conditions: ['@libkv/source'] },
  ssr: { resolve: { conditions: ['@libkv/source'] } },
  test: { include: ['test/runners/with-vitest.ts'] },
}
