import { interoperabilityCases } from './interoperability.ts'
import { openPure } from './other-clients.ts'

// The native client has to be compiled: interoperability.heavy.ts.
interoperabilityCases([openPure])
