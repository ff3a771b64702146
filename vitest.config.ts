import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig } from 'vitest/config'

// Eight processes, or a measurement, want the machine for themselves.
const ALONE = ['packages/fleet/test/**/*.test.ts', 'bench/test/bench.test.ts']

export default defineConfig({
  test: {
    // Real servers start, fail over and stop, on machines that may be slow.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: ['{packages,examples}/*/test/**/*.test.ts', '{bench,docs}/test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...ALONE],
          // Most of them wait for servers most of the time: one at a time would leave a processor idle.
          maxWorkers: Math.max(2, availableParallelism() - 1),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        // After all others, one file at a time.
        test: { name: 'alone', include: ALONE, fileParallelism: false, sequence: { groupOrder: 1 } },
      },
    ],
  },
})
