import { closeCases } from '@libkv/testing/backend-cases/close'
import { consulUnderTest } from './consul-under-test.ts'

closeCases(consulUnderTest)
