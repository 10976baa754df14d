import { modelCases } from '@libkv/testing/backend-cases/model'
import { consulUnderTest } from './consul-under-test.ts'

modelCases(consulUnderTest, 20)
