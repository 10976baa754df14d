import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'

import type { ClientTls } from './certificates.ts'

export interface HttpRequest {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly tls?: Pick<ClientTls, 'ca'> & Partial<Pick<ClientTls, 'cert' | 'key'>>
  /** Milliseconds for the whole exchange. @default 1000 */
  readonly timeout?: number
}

export interface HttpAnswer {
  readonly status: number
  readonly body: string
}

/** One HTTP exchange over a connection of its own, bounded in time: what probes of servers that may be frozen need. */
export function httpRequest(url: string, options: HttpRequest = {}): Promise<HttpAnswer> {
  const { method = 'GET', headers = {}, body, tls, timeout = 1000 } = options
  return new Promise((resolve, reject) => {
    const send = url.startsWith('https:') ? requestHttps : requestHttp
    const request = send(url, { method, headers, agent: false, ...tls }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
    })
    const timer = setTimeout(
      () => request.destroy(new Error(`${method} ${url}: no answer within ${timeout} ms`)),
      timeout,
    )
    request.on('close', () => clearTimeout(timer))
    request.on('error', reject)
    request.end(body)
  })
}
