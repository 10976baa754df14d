const core = require('@libkv/core')
const { memory } = require('@libkv/memory')
const { exercise } = require('./exercise.mjs')

void exercise(core, 'memory', memory, process.argv.slice(2))
