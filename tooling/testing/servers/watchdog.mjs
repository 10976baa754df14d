// The watchdog: cleans up after a test process that died before it could. It runs beside the servers, in a session of its own,
// learns on its standard input what was started ("+ KIND ID") and what is gone again ("- KIND ID"), and when that input ends
// it ends what is left: processes by their pid, folders, containers and networks by their name.
import { rmSync } from 'node:fs'
import { request } from 'node:http'
import { createInterface } from 'node:readline'

const [docker = 'null'] = process.argv.slice(2) // where the Docker daemon is: options for node:http, as JSON
const left = { process: new Set(), folder: new Set(), container: new Set(), network: new Set() }

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})

function call(method, path) {
  return new Promise((resolve) => {
    const sent = request({ ...JSON.parse(docker), method, path, timeout: 20_000 }, (answer) => {
      answer.resume().on('close', resolve)
    })
    sent
      .on('error', resolve)
      .on('timeout', () => sent.destroy())
      .end()
  })
}

for await (const line of createInterface({ input: process.stdin })) {
  const [change, kind, ...id] = line.split(' ')
  if (change === '+') left[kind].add(id.join(' '))
  else left[kind].delete(id.join(' '))
}

for (const pid of left.process) {
  try {
    process.kill(Number(pid), 'SIGKILL')
  } catch {
    // it is gone
  }
}
for (const folder of left.folder)
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
await Promise.all(
  [...left.container].map(async (name) => {
    await call('POST', `/containers/${name}/unpause`)
    await call('DELETE', `/containers/${name}?force=1&v=1`)
  }),
)
await Promise.all([...left.network].map((name) => call('DELETE', `/networks/${name}`)))
