/** The first and the last lines of a log: one or the other says why a server does not start. */
export function logExcerpt(log: string): string {
  const lines = log.trim().split('\n')
  const shown = lines.length <= 25 ? lines : [...lines.slice(0, 5), '…', ...lines.slice(-20)]
  return shown.map((line) => line.slice(0, 500)).join('\n')
}
