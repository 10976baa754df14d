import { describe } from '@jest/globals'
import { handOverCase } from './hand-over-requests.ts'
import { targets } from './targets.ts'

for (const underTest of targets) {
  describe(`on ${underTest.backend}`, () => {
    handOverCase(underTest, 500)
  })
}
