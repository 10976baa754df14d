import { processLifetimeCases } from '@libkv/testing/backend-cases/process-lifetime'
import { consulUnderTest } from './consul-under-test.ts'

processLifetimeCases(consulUnderTest)
