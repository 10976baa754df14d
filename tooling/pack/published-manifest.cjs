// A pnpm hook: the manifest of a tarball is that of the workspace without what only the workspace uses.
const SOURCE = '@libkv/source'

function withoutSource(exports) {
  if (typeof exports !== 'object' || exports === null) return exports
  return Object.fromEntries(
    Object.entries(exports)
      .filter(([condition]) => condition !== SOURCE)
      .map(([condition, target]) => [condition, withoutSource(target)]),
  )
}

function beforePacking({ scripts: _scripts, devDependencies: _dev, ...manifest }) {
  return { ...manifest, exports: withoutSource(manifest.exports) }
}

module.exports = { hooks: { beforePacking } }
