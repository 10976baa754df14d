export { iterate } from './iterate.ts'
export { atMost, Lateness, WAIT_TIMEOUT, waitFor, within } from './wait-for.ts'
