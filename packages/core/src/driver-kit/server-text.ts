/** The longest quotation, in characters. */
const LONGEST = 200

/**
 * What a server or a proxy wrote, fit to be quoted in an error message: one line of at most 200 characters, cut between
 * words, control characters escaped. `undefined` where nothing is worth quoting: no text, binary data, an HTML page.
 */
export function serverText(text: string): string | undefined {
  if (isHtml(text) || isBinary(text)) return undefined
  const line = text
    .slice(0, 10 * LONGEST)
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, escaped)
  if (line.length <= LONGEST) return line === '' ? undefined : line
  // Half a word may be half a secret, which nobody would recognize as one.
  const whole = line.slice(0, LONGEST).replace(/\S*$/, '').trimEnd()
  return whole === '' ? undefined : `${whole} …`
}

/**
 * What a server or a proxy answered, as the rest of a sentence that begins with "the server": a quotation, or a
 * description of what cannot be quoted.
 *
 * @param status - what to call the answer's status, such as `status 502`.
 */
export function describeAnswer(text: string, status: string): string {
  if (isHtml(text)) return `answered with an HTML page (${status})`
  const quoted = serverText(text)
  if (quoted !== undefined) return `answered: ${quoted} (${status})`
  return text.trim() === ''
    ? `answered without a reason (${status})`
    : `answered with ${text.length} characters of data (${status})`
}

const isHtml = (text: string): boolean =>
  /^\s*<(!--|(!doctype|html|head|body|title|h\d|p|center|a)\b)|<(html|body|head)\b/i.test(
    text.slice(0, 10 * LONGEST),
  )

/** Bytes that are not UTF-8 were replaced when the answer became text. */
const isBinary = (text: string): boolean => /[\0\ufffd]/.test(text.slice(0, LONGEST))

const escaped = (character: string): string =>
  `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
