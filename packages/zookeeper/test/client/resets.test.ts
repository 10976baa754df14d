import { resetsCase } from './resets.ts'

resetsCase(500)
