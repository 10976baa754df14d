import { LibkvError } from './errors.ts'
import { wrongType } from '../options/option-rules.ts'

/**
 * A time to live in milliseconds, or the shortest that the store takes, `capabilities.ttl.min`: that differs from backend to
 * backend.
 */
export type Ttl = number | 'shortest'

/**
 * A time to live in milliseconds.
 *
 * @throws TypeError unless it is a number or `'shortest'`. LibkvError `INVALID_OPTION`, naming the bounds.
 */
export function checkTtl(
  ttl: Ttl,
  { ttl: { min, max } }: { readonly ttl: { readonly min: number; readonly max: number } },
  backend: string,
): number {
  if (ttl === 'shortest') return min
  if (typeof ttl === 'number' && ttl >= min && ttl <= max) return ttl
  if (typeof ttl !== 'number' && typeof ttl !== 'string') {
    throw wrongType('ttl', "a number of milliseconds or 'shortest'", ttl)
  }
  const bounds = `between ${String(min)} and ${String(max)}`
  throw new LibkvError(
    'INVALID_OPTION',
    `ttl is ${String(ttl).slice(0, 40)}; it must be a number of milliseconds, ${bounds}, or 'shortest'`,
    { backend },
  )
}
