const core = require('@libkv/core')
const { zookeeper } = require('@libkv/zookeeper')
const { exercise } = require('./exercise.mjs')

void exercise(core, 'zookeeper', zookeeper, process.argv.slice(2))
