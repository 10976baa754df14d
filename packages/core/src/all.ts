// All doors at once: the CommonJS build, of which each door is a part, so that every class exists once.
export * from './driver.ts'
export * from './index.ts'
export * from './recipe.ts'
