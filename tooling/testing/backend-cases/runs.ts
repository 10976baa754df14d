/**
 * How many random examples a property gets: all of them in `.ci/run`, a quarter in `npm test`, which draws others each time.
 *
 * @param all - with `LIBKV_TEST_DEPTH=full`.
 */
export const runs = (all: number): number =>
  process.env['LIBKV_TEST_DEPTH'] === 'full' ? all : Math.ceil(all / 4)
