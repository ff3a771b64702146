import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{packages,examples}/*/test/**/*.test.ts'],
    // Real servers start and stop in hooks, on machines that may be slow.
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
