import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'

const folder = join(__dirname, '../../.github/workflows')

/** The lines of a step's shell script: those of the line of `run:` and those that are indented below it. */
function shellLines(workflow: string): string[] {
  const found: string[] = []
  let below = -1
  for (const line of workflow.split('\n')) {
    const indent = line.search(/\S/)
    if (below >= 0 && (indent > below || indent === -1)) {
      found.push(line)
      continue
    }
    below = -1
    const run = /^(\s*(?:- )?)run:(.*)$/.exec(line)
    if (run === null) continue
    below = run[1]?.length ?? 0
    found.push(run[2] ?? '')
  }
  return found
}

/** The lines of each job, by its name. */
function jobs(workflow: string): [name: string, lines: string][] {
  const [, text = ''] = workflow.split(/^jobs:\n/m)
  return text
    .split(/^ {2}(?=[\w-]+:\n)/m)
    .slice(1)
    .map((job) => [job.slice(0, job.indexOf(':')), job])
}

describe.each(readdirSync(folder))('the workflow %s', (file) => {
  const workflow = readFileSync(join(folder, file), 'utf8')
  const all = jobs(workflow)

  it('has jobs', () => {
    expect(all.length).toBeGreaterThan(0)
  })

  it('pins every action by its commit, and names the version beside it', () => {
    const used = [...workflow.matchAll(/uses: (.*)/g)].map(([, action = '']) => action)
    const remote = used.filter((action) => !action.startsWith('./'))
    for (const action of remote) {
      expect(action).toMatch(/^[\w-]+\/[\w-]+@[\da-f]{40} # v\d+\.\d+\.\d+$/)
    }
  })

  it('passes expressions to the shell by the environment only', () => {
    expect(shellLines(workflow).filter((line) => line.includes('${{'))).toEqual([])
  })

  it('grants nothing to all jobs, and to each what it states', () => {
    expect(workflow).toMatch(/^permissions: \{\}$/m)
    for (const [name, text] of all)
      expect([name, text]).toEqual([name, expect.stringMatching(/^ {4}permissions:\n/m)])
  })

  it('leaves no credentials in a checkout', () => {
    const checkouts = workflow.split('uses: actions/checkout@').slice(1)
    for (const checkout of checkouts) {
      expect(checkout.split(/^ {6}- /m)[0]).toContain('persist-credentials: false')
    }
  })

  it('installs no dependency in a job that can publish', () => {
    const publishing = all.filter(([, text]) => /id-token: write|secrets\./.test(text))
    for (const [, text] of publishing) expect(text).not.toMatch(/install\.mjs|npm (ci|install)/)
  })
})

describe('the rules for workflows', () => {
  it('find an expression on the line of a script and below it', () => {
    const workflow =
      'a:\n  - run: echo ${{ a }}\n  - run: |\n      echo ${{ b }}\n    env: ${{ c }}\n'
    expect(shellLines(workflow).filter((line) => line.includes('${{'))).toHaveLength(2)
  })
})
