export { ManualClock } from './manual-clock.ts'
export { memory, memoryDriver, memoryFaults } from './memory.ts'
export type { MemoryFaults } from './memory-faults.ts'
