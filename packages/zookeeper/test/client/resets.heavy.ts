import { resetsCase } from './resets.ts'

resetsCase(10_000)
