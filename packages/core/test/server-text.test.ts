import { describe, expect, it } from '@jest/globals'
import { describeAnswer, serverText } from '../src/driver.ts'

const long = Array.from({ length: 100 }, (_, i) => `word${i}`).join(' ')

describe('the text of a server in a message', () => {
  const quotations: Record<string, readonly [text: string, quotation: string | undefined]> = {
    'one line': ['permission denied', 'permission denied'],
    'several lines': ['  first\r\n\tsecond\u2028third\n', 'first second third'],
    'control characters': ['bell \u0007 and \u001b[31m red', 'bell \\u{7} and \\u{1b}[31m red'],
    'characters that reverse the direction': ['a\u202eb', 'a\\u{202e}b'],
    nothing: ['', undefined],
    'white space': [' \n\t', undefined],
    'bytes that are no text': ['\u001f\ufffd\b\u0000', undefined],
    'an HTML page': ['<!DOCTYPE html>\n<html><body>secret</body></html>', undefined],
    'an HTML page behind a declaration': ['<?xml version="1.0"?>\n<html lang="en">', undefined],
    'a piece of HTML': ['<a href="/v1/kv/key">Moved Permanently</a>.\n', undefined],
    'a piece of HTML after a comment': ['<!-- proxy --><center>502</center>', undefined],
    'a comparison': ['1 < 2', '1 < 2'],
    JSON: ['{\n  "error": "no route"\n}', '{ "error": "no route" }'],
    'one word without end': ['x'.repeat(10_000), undefined],
  }
  for (const [what, [text, quotation]] of Object.entries(quotations)) {
    it(`of ${what} is ${String(quotation)}`, () => {
      expect(serverText(text)).toBe(quotation)
    })
  }

  it('is at most 200 characters long and ends with a whole word', () => {
    const quotation = serverText(long) ?? ''
    expect(quotation).toMatch(/ word\d+ …$/)
    expect(quotation.length).toBeGreaterThan(180)
    expect(quotation.length).toBeLessThanOrEqual(202)
    expect(long.startsWith(quotation.replace(/ …$/, ' '))).toBe(true)
  })
})

describe('the description of an answer', () => {
  const descriptions: Record<string, readonly [text: string, description: string]> = {
    text: ['no route', 'answered: no route (status 502)'],
    nothing: ['', 'answered without a reason (status 502)'],
    'an HTML page': ['<html>x</html>', 'answered with an HTML page (status 502)'],
    data: ['\u0000\u0001', 'answered with 2 characters of data (status 502)'],
  }
  for (const [what, [text, description]] of Object.entries(descriptions)) {
    it(`of ${what} is "${description}"`, () => {
      expect(describeAnswer(text, 'status 502')).toBe(description)
    })
  }
})
