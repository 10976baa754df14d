import { lifetimeCases } from '@libkv/testing/backend-cases/process-lifetime'

lifetimeCases('memory', () => ['lifetime'])
