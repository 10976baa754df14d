/** The latest zxid that was seen. Kept in halves: each answer carries one, and nearly none is looked at. */
export class ZxidClock {
  #high = 0
  #low = 0

  static toBigInt(high: number, low: number): bigint {
    return (BigInt(high) << 32n) | BigInt(low)
  }

  get latest(): bigint {
    return ZxidClock.toBigInt(this.#high, this.#low)
  }

  /** @param low - unsigned */
  advance(high: number, low: number): void {
    if (high < this.#high || (high === this.#high && low <= this.#low)) return
    this.#high = high
    this.#low = low
  }

  reset(): void {
    this.#high = this.#low = 0
  }
}
