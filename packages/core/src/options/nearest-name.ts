/** Names that people write from habit, and what they are called here. */
const synonyms: Readonly<Record<string, string>> = {
  ssl: 'tls',
  secure: 'tls',
  user: 'username',
  pass: 'password',
  pwd: 'password',
  dc: 'datacenter',
  prefix: 'namespace',
  expire: 'ttl',
  expires: 'ttl',
  expiry: 'ttl',
  lease: 'session',
  abortsignal: 'signal',
}

/** The known name that was probably meant, undefined when none resembles it. */
export function nearestName(given: string, known: readonly string[]): string | undefined {
  const lower = given.toLowerCase()
  const meant = known.find((name) => name.toLowerCase() === lower) ?? synonyms[lower]
  if (meant !== undefined && known.includes(meant)) return meant
  let nearest = known.find(
    (name) => name.toLowerCase().startsWith(lower) || lower.startsWith(name.toLowerCase()),
  )
  if (nearest !== undefined && Math.min(given.length, nearest.length) >= 2) return nearest
  // One slip for every three letters, and at least two.
  let least = Math.max(2, Math.floor(given.length / 3)) + 1
  for (const name of known) {
    const distance = editDistance(lower, name.toLowerCase())
    if (distance >= least || distance >= Math.max(name.length, given.length) - 1) continue
    nearest = name
    least = distance
  }
  return nearest
}

/** How many letters to insert, delete, replace or swap with their neighbour (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1]
      let best = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (isSame ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, at(beforeLast, j - 2) + 1)
      }
      row.push(best)
    }
    beforeLast = last
    last = row
  }
  return at(last, b.length)
}

const at = (row: readonly number[], index: number): number => row[index] ?? 0
