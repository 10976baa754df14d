import { expect, it } from '@jest/globals'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

const root = resolve(__dirname, '../..')
const sources = ['packages', 'tooling'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !/(^|\/)(node_modules|dist)\//.test(path))
    .map((path) => join(root, folder, path)),
)

/** The files that a file imports by their path; imports of types count. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(/\bfrom '(\.{1,2}\/[^']+)'|\bimport\('(\.{1,2}\/[^']+)'\)/g)]
    .map(([, from, dynamic]) => resolve(dirname(file), from ?? dynamic ?? ''))
    .filter((path) => sources.includes(path))
}

/** One way round for each circle, found depth first. */
function circles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string): void => {
    const at = path.indexOf(file)
    if (at >= 0) found.push([...path.slice(at), file].map((f) => relative(root, f)).join(' -> '))
    if (at >= 0 || done.has(file)) return
    path.push(file)
    for (const next of graph.get(file) ?? []) visit(next)
    path.pop()
    done.add(file)
  }
  for (const file of graph.keys()) visit(file)
  return found
}

it('finds a circle', () => {
  const graph = new Map([
    [join(root, 'a'), [join(root, 'b')]],
    [join(root, 'b'), [join(root, 'c')]],
    [join(root, 'c'), [join(root, 'b')]],
  ])
  expect(circles(graph)).toEqual(['b -> c -> b'])
})

it('has no circle of imports', () => {
  expect(sources.length).toBeGreaterThan(300)
  expect(circles(new Map(sources.map((file) => [file, importsOf(file)])))).toEqual([])
})
