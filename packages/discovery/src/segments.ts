// Control characters (C0, DEL, C1) and the slash may not be in a segment; the percent sign begins an escape.
// eslint-disable-next-line no-control-regex -- these are the characters to escape
const special = /[\u0000-\u001f\u007f-\u009f/%]/g

/** A name as one segment of a key. What a key cannot have is escaped as in a URL; all else stays readable. */
export function segmentOf(name: string): string {
  if (name === '.' || name === '..') return name.replaceAll('.', '%2E')
  return name.replace(special, encodeURIComponent)
}

/** The name that a segment stands for; undefined when no name is written like that. */
export function nameOf(segment: string): string | undefined {
  try {
    const name = decodeURIComponent(segment)
    // One name, one segment: else two keys could be the same instance.
    return segmentOf(name) === segment ? name : undefined
  } catch {
    return undefined
  }
}
