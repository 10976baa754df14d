import { lifetimeCases } from '../../../tooling/backend-cases/process-lifetime.ts'

lifetimeCases('memory', () => ['lifetime'])
