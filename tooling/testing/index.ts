export { iterate } from './iterate.ts'
export { atMost, elapse, Lateness, WAIT_TIMEOUT, waitFor, within } from './wait-for.ts'
