export { atMost, waitFor } from '../../conformance/src/wait-for.ts'
