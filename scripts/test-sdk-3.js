// Runs the suites that touch OpenTelemetry again, on SDK 3 and the newer Node it needs.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { newerNode } from './newer-node.js'

const path = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url))

const { status, error } = spawnSync(
  newerNode,
  [path('node_modules/vitest/vitest.mjs'), 'run', '--config', path('vitest.sdk-3.config.ts'), ...process.argv.slice(2)],
  { stdio: 'inherit', cwd: path('.') },
)
if (error) console.error(`test-sdk-3: the newer Node could not be started: ${error.message}`)
process.exitCode = status ?? 1
