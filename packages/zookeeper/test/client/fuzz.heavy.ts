import { describe } from '@jest/globals'
import { fuzzCase } from './fuzz.ts'

describe('what a broken or hostile server sends', () => {
  fuzzCase(1_000_000)
})
