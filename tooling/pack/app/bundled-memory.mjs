import * as core from '@libkv/core'
import { memory } from '@libkv/memory'
import { exercise } from './exercise.mjs'

void exercise(core, 'memory', memory, process.argv.slice(2))
