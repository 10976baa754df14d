/** A program in a README. */
export interface Snippet {
  /** Where it begins, counted from 1. */
  readonly line: number
  readonly language: 'ts' | 'js'
  readonly code: string
  /** What the README says that it prints, if it says so. */
  readonly output: string | undefined
}

interface Fence {
  readonly line: number
  readonly language: string
  readonly flags: readonly string[]
  readonly code: string
  /** Whether nothing but blank lines is between it and the fence before. */
  readonly isNext: boolean
}

const LANGUAGES: Readonly<Record<string, Snippet['language']>> = { ts: 'ts', js: 'js' }

/**
 * The programs of a README: all of its ts and js fences, except those that say `no-run` behind the language. A text fence right
 * after one is what it prints.
 */
export function snippetsOf(markdown: string): Snippet[] {
  const fences = fencesOf(markdown)
  const snippets: Snippet[] = []
  for (const [i, { line, language, flags, code }] of fences.entries()) {
    const known = LANGUAGES[language]
    if (known === undefined || flags.includes('no-run')) continue
    const next = fences[i + 1]
    const output = next?.isNext === true && next.language === 'text' ? next.code : undefined
    snippets.push({ line, language: known, code, output })
  }
  return snippets
}

function fencesOf(markdown: string): Fence[] {
  const fences: Fence[] = []
  let open: { line: number; info: string; indent: number; isNext: boolean } | undefined
  let lines: string[] = []
  let isNext = false
  for (const [i, text] of markdown.split('\n').entries()) {
    const [, indent = '', info] = /^( *)```(.*)$/.exec(text) ?? []
    if (open === undefined) {
      if (info !== undefined) {
        open = { line: i + 1, info: info.trim(), indent: indent.length, isNext }
        lines = []
      } else if (text.trim() !== '') isNext = false
      continue
    }
    if (info !== '') {
      lines.push(text.slice(open.indent))
      continue
    }
    const [language = '', ...flags] = open.info.split(/\s+/)
    fences.push({ line: open.line, language, flags, code: lines.join('\n'), isNext: open.isNext })
    open = undefined
    isNext = true
  }
  if (open !== undefined) throw new Error(`the fence in line ${String(open.line)} has no end`)
  return fences
}

/** Whether the snippet is a file of tests, which a test runner starts and not Node. */
export const isTestFile = ({ code }: Snippet): boolean =>
  /from '(?:@jest\/globals|vitest|node:test)'/.test(code)

const PORTS = { 2379: 'etcd', 8500: 'consul', 2181: 'zookeeper' } as const

export type Backend = (typeof PORTS)[keyof typeof PORTS]

const address = /\b(?:localhost|127\.0\.0\.1):(2379|8500|2181)\b/g

const backendAt = (port: string | undefined): Backend => PORTS[Number(port) as keyof typeof PORTS]

/** The servers that a snippet talks to, by the ports that it names. */
export function backendsOf({ code }: Snippet): Backend[] {
  return [...new Set([...code.matchAll(address)].map(([, port]) => backendAt(port)))]
}

/** The code with the addresses of real servers. */
export function withServers(code: string, addressOf: (backend: Backend) => string): string {
  return code.replace(address, (_text, port: string) => addressOf(backendAt(port)))
}
