import { describe, expect, it } from '@jest/globals'
import { UsageError, parseArguments, stores } from '../bench/arguments.ts'
import { change, ratioOf, verdict } from '../bench/ratios.ts'

describe('the arguments of the bench', () => {
  it('measure the servers beside the raw clients, and all stores beside a commit', () => {
    const names = (...args: string[]): string[] => [...parseArguments(args).endpoints.keys()]
    expect(names()).toEqual(['consul', 'etcd', 'zookeeper'])
    expect(names('--against', 'HEAD~1')).toEqual(stores)
    expect(names('--against', 'HEAD~1', 'memory', 'etcd')).toEqual(['memory', 'etcd'])
  })

  it('take endpoints and a number of rounds', () => {
    const { against, rounds, endpoints } = parseArguments([
      'etcd=127.0.0.1:2379',
      'consul',
      '--against=main',
      '--rounds=21',
    ])
    expect({ against, rounds }).toEqual({ against: 'main', rounds: 21 })
    expect([...endpoints]).toEqual([
      ['etcd', '127.0.0.1:2379'],
      ['consul', undefined],
    ])
    expect(parseArguments(['--against', 'main']).rounds).toBe(15)
  })

  it.each([
    [['ectd'], `unknown store 'ectd' (known: memory, consul, etcd, zookeeper)`],
    [['memory'], 'memory has no raw client; it can be measured with --against <commit>'],
    [['--rounds', '9'], '--rounds is an option of --against'],
    [['--against', 'main', '--rounds', '5'], `--rounds must be an integer of at least 6; got '5'`],
    [['--agains', 'main'], /^Unknown option '--agains'/],
  ])('are refused in one sentence: %j', (args, message) => {
    expect(() => parseArguments(args)).toThrow(UsageError)
    expect(() => parseArguments(args)).toThrow(message)
  })
})

describe('the ratio of two builds', () => {
  const ones = (count: number): number[] => Array.from({ length: count }, () => 1)
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

  // The ranks that tables of the sign test give for 95 %.
  it.each([
    [6, 1, 6],
    [9, 2, 8],
    [15, 4, 12],
    [25, 8, 18],
  ])('of %d pairs lies between the ranks %d and %d', (count, low, high) => {
    const ratio = ratioOf(upTo(count).reverse(), ones(count))
    expect(ratio).toEqual({ low, median: (count + 1) / 2, high })
  })

  it('pairs the measurements of a round', () => {
    expect(ratioOf([2, 4, 6, 8, 10, 12], [1, 2, 3, 4, 5, 6])).toEqual({
      low: 2,
      median: 2,
      high: 2,
    })
  })

  it('needs six pairs', () => {
    expect(() => ratioOf(ones(5), ones(5))).toThrow(RangeError)
  })

  it('is shown as a change', () => {
    expect([0.9, 0.9999, 1, 1.034].map(change)).toEqual(['-10.0 %', '0.0 %', '0.0 %', '+3.4 %'])
  })

  it('is a regression when its whole interval lies above the limit', () => {
    const rows = new Map([
      ['etcd get', { low: 1.02, median: 1.05, high: 1.08 }],
      ['etcd put', { low: 1.04, median: 1.06, high: 1.07 }],
    ])
    expect(verdict(rows, 1.03)).toBe('Intervals above +3.0 %: etcd put (+4.0 % to +7.0 %).')
    expect(verdict(rows, 1.05)).toBe('No interval lies above +5.0 %.')
  })
})
