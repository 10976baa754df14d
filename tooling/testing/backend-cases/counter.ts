/** What stands between a store and its server, counts requests and loses answers. What a request is called, the backend knows. */
export interface Counter extends AsyncDisposable {
  readonly endpoint: string
  /** Round trips since the last reset. Those that go out together count as one. */
  readonly total: number
  /** How often each request was made since the last reset, by its name. */
  readonly counts: ReadonlyMap<string, number>
  /** Requests of that name since the last reset. */
  count(request: string): number
  reset(): void
  /** Loses the answer to the next request of that name: the server carries it out, and the client sees its connection close. */
  loseNextAnswer(request: string): void
}
