import { extname, join } from 'node:path'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import { build } from 'esbuild'
import { rollup } from 'rollup'
import webpack from 'webpack'

/** A bundle to build. */
export interface Bundle {
  /** The application's folder. */
  readonly folder: string
  /** The entry in it: an ES module (`.mjs`) or CommonJS (`.cjs`). */
  readonly entry: string
  /** `.mjs` for an ES module, `.cjs` for CommonJS. */
  readonly outfile: string
}

/** Builds a bundle with the settings that each bundler documents for Node.js, and returns the warnings. */
export type Bundler = (bundle: Bundle) => Promise<string[]>

const isModule = (file: string): boolean => extname(file) === '.mjs'

/** All bundlers, by name. */
export const bundlers: Readonly<Record<string, Bundler>> = {
  esbuild: async ({ folder, entry, outfile }) => {
    const { warnings } = await build({
      absWorkingDir: folder,
      entryPoints: [entry],
      outfile,
      format: isModule(outfile) ? 'esm' : 'cjs',
      bundle: true,
      minify: true,
      platform: 'node',
      target: 'node20',
      logLevel: 'silent',
    })
    return warnings.map(({ text }) => text)
  },

  rollup: async ({ folder, entry, outfile }) => {
    const warnings: string[] = []
    const bundle = await rollup({
      input: join(folder, entry),
      plugins: [nodeResolve()],
      onLog: (level, { message }) => {
        if (level === 'warn') warnings.push(message)
      },
    })
    await bundle.write({
      file: join(folder, outfile),
      format: isModule(outfile) ? 'esm' : 'cjs',
    })
    await bundle.close()
    return warnings
  },

  webpack: async ({ folder, entry, outfile }) => {
    const compiler = webpack({
      context: folder,
      entry: `./${entry}`,
      mode: 'production',
      target: 'node20',
      // Takes seconds a bundle; esbuild's bundles are minified.
      optimization: { minimize: false },
      output: { path: folder, filename: outfile, module: isModule(outfile) },
      experiments: { outputModule: isModule(outfile) },
    })
    const { errors = [], warnings = [] } = await new Promise<webpack.StatsCompilation>(
      (resolve, reject) => {
        compiler.run((error, stats) => {
          if (stats === undefined) reject(error ?? new Error('webpack returned no result'))
          else resolve(stats.toJson({ all: false, errors: true, warnings: true }))
        })
      },
    )
    await new Promise<void>((resolve) => {
      compiler.close(() => resolve())
    })
    return [...errors, ...warnings].map(({ message }) => message)
  },
}
