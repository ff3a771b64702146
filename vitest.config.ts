import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig } from 'vitest/config'

const FLEET = 'packages/fleet/test/**/*.test.ts'

export default defineConfig({
  test: {
    // Real servers start and stop in hooks, on machines that may be slow.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: ['{packages,examples}/*/test/**/*.test.ts', '{bench,docs}/test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, FLEET],
          // Most of them wait for servers most of the time: one at a time would leave a processor idle.
          maxWorkers: Math.max(2, availableParallelism() - 1),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        // Eight processes want the machine for themselves: after all others, one file at a time.
        test: { name: 'fleet', include: [FLEET], fileParallelism: false, sequence: { groupOrder: 1 } },
      },
    ],
  },
})
