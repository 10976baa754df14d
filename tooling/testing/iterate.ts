/** The iterator of a watch, to read by hand. The type of its results is `T`, not `any`. */
export function iterate<T>(watch: AsyncIterable<T>): AsyncIterator<T, undefined> {
  return watch[Symbol.asyncIterator]() as AsyncIterator<T, undefined>
}
