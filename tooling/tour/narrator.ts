import { styleText } from 'node:util'

/** Begins a chapter. */
export function heading(text: string): void {
  console.log(`\n${styleText('bold', text)}`)
}

/** Explains. */
export function say(text: string): void {
  console.log(`  ${styleText('dim', text)}`)
}

/** Shows what was done and what came of it. */
export function show(what: string, result: unknown): void {
  const shown = typeof result === 'string' ? result : String(result)
  console.log(`  ${what} ${styleText('cyan', '→')} ${shown}`)
}

/** A duration for the reader's eye. */
export function milliseconds(ms: number): string {
  return ms < 1_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1_000).toFixed(1)} s`
}
