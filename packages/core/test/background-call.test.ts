import { describe, expect, it } from '@jest/globals'
import { BackgroundCall, systemRuntime } from '../src/driver.ts'
import type { Runtime } from '../src/index.ts'
import { ManualRuntime } from './manual-runtime.ts'

const timing = { requestTimeout: 1_000, connectionTimeout: 300 }

describe('a background call', () => {
  it('is cancelled at its deadline', async () => {
    const runtime = new ManualRuntime()
    const call = new BackgroundCall({ runtime, ...timing })
    let cancelled = 0
    call.onCancel(() => cancelled++)
    expect([call.deadline, call.connectDeadline]).toEqual([
      runtime.now() + 1_000,
      runtime.now() + 300,
    ])
    await runtime.advance(999)
    expect(call.settled).toBe(false)
    await runtime.advance(1)
    expect(call.settled).toBe(true)
    expect(cancelled).toBe(1)
  })

  it('leaves no timer when it is over, and calls back at once after it was cancelled', () => {
    const runtime = new ManualRuntime()
    const answered = new BackgroundCall({ runtime, ...timing })
    answered.onCancel(() => {
      throw new Error('it was answered')
    })
    answered.done()
    answered.cancel()
    const cancelled = new BackgroundCall({ runtime, ...timing })
    cancelled.cancel()
    let calls = 0
    cancelled.onCancel(() => calls++)
    expect(calls).toBe(1)
    expect(runtime.pendingTimers).toBe(0)
  })

  it('keeps the process alive while it is told to, with the same deadline', async () => {
    const manual = new ManualRuntime()
    const holds: (boolean | undefined)[] = []
    const runtime: Runtime = {
      ...systemRuntime,
      now: () => manual.now(),
      setTimer: (callback, ms, keepAlive) => {
        holds.push(keepAlive)
        return manual.setTimer(callback, ms)
      },
    }
    const call = new BackgroundCall({ runtime, ...timing })
    await manual.advance(400)
    call.hold()
    call.hold()
    await manual.advance(400)
    call.hold(false)
    expect(holds).toEqual([false, true, false])
    await manual.advance(199)
    expect(call.settled).toBe(false)
    await manual.advance(1)
    expect(call.settled).toBe(true)
    call.hold()
    expect(manual.pendingTimers).toBe(0)
  })
})
