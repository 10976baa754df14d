export { memory, memoryDriver, memoryFaults } from './memory.ts'
export type { MemoryFaults } from './memory-faults.ts'
