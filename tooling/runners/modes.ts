const only = process.env['LIBKV_TEST_MODE']

type Describe = (title: string, body: () => void) => unknown

/** With LIBKV_TEST_MODE=namespaced each case runs once, and not on a plain store as well: `describe` leaves out the other mode. */
export function describeModes(describe: Describe): (title: string, body: () => void) => void {
  return (title, body) => {
    const isMode = title === 'plain' || title === 'namespaced'
    if (!isMode || only === undefined || title === only) describe(title, body)
  }
}
