import * as core from '@libkv/core'
import { zookeeper } from '@libkv/zookeeper'
import { exercise } from './exercise.mjs'

void exercise(core, 'zookeeper', zookeeper, process.argv.slice(2))
