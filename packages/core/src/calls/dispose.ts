const known: { readonly asyncDispose?: symbol } = Symbol

/**
 * `Symbol.asyncDispose`, also where it is missing, as in the sandbox of Jest 29: there it is the registered symbol that
 * compilers put in its place.
 */
export const asyncDispose: typeof Symbol.asyncDispose = (known.asyncDispose ??
  Symbol.for('Symbol.asyncDispose')) as typeof Symbol.asyncDispose
