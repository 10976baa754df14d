/** A watch to be read by hand; the compiler would take what it yields for `any`. */
export function iterate<T>(watch: AsyncIterable<T>): AsyncIterator<T, undefined> {
  return watch[Symbol.asyncIterator]() as AsyncIterator<T, undefined>
}
