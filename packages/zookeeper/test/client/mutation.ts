/** Integers that lengths and types are not expected to be. */
const EXTREMES = [-1, -2, 0, 1, 4, 255, 2 ** 16, 2 ** 24, 2 ** 31 - 1, -(2 ** 31), 2 ** 30]

/** A copy of a frame in which something is wrong: bytes, integers, its end, or a part that is twice there or not at all. */
export function mutated(frame: Buffer, random: () => number): Buffer {
  let result = Buffer.from(frame)
  const below = (limit: number): number => Math.floor(random() * limit)
  for (let times = 1 + below(3); times > 0; times--) {
    const at = below(result.length)
    switch (below(7)) {
      case 0:
        if (result.length > 0) result[at] = below(256)
        break
      case 1:
        if (result.length > 0) result[at] = (result[at] ?? 0) ^ (1 << below(8))
        break
      case 2:
        if (at + 4 <= result.length) result.writeInt32BE(EXTREMES[below(EXTREMES.length)] ?? 0, at)
        break
      case 3: {
        // Most integers are aligned so in short records.
        const aligned = at - (at % 4)
        if (aligned + 4 <= result.length) {
          result.writeInt32BE((result.readInt32BE(aligned) + below(9) - 4) | 0, aligned)
        }
        break
      }
      case 4:
        result = result.subarray(0, at)
        break
      case 5:
        result = Buffer.concat([result.subarray(0, at), result.subarray(at - below(at + 1))])
        break
      case 6:
        result = Buffer.concat([result.subarray(0, at), result.subarray(at + below(9))])
        break
    }
  }
  return result
}
