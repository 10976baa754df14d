/** A secret that is shorter is in any text by chance. */
const SHORTEST = 4

/** A text without the secrets that a server or a library put into it. */
export function redact(text: string, secrets: readonly string[]): string {
  let clean = text
  for (const secret of secrets) {
    if (secret.length >= SHORTEST) clean = clean.replaceAll(secret, '***')
  }
  return clean
}

/** Whether an error or one of its causes holds a secret in its message. */
export function holdsSecret(error: unknown, secrets: readonly string[]): boolean {
  for (let cause = error, depth = 0; cause !== undefined && depth < 8; depth++) {
    const { message, cause: next } = Object(cause) as { message?: unknown; cause?: unknown }
    const text = typeof cause === 'string' ? cause : typeof message === 'string' ? message : ''
    if (redact(text, secrets) !== text) return true
    cause = next
  }
  return false
}
