import { describe, it } from '@jest/globals'
import { modelTest } from '@libkv/testing/backend-cases/model/model-test'
import { memory } from '../src/index.ts'

let count = 0

describe('the embedded store', () => {
  it('does in random programs what the model of the contract does', async () => {
    await modelTest(() => memory([`model-${String(++count)}`]), { runs: 1_000 })
  })
})
