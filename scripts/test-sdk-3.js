// Runs the suites that touch OpenTelemetry again, on SDK 3 and the newer Node it needs. Both come from the package
// otel-sdk-3; its `node` is called by path, because it would shadow Node for every script of a package that has it.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const path = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url))

const { status, error } = spawnSync(
  path('packages/otel-sdk-3/node_modules/node/bin/node'),
  [path('node_modules/vitest/vitest.mjs'), 'run', '--config', path('vitest.sdk-3.config.ts'), ...process.argv.slice(2)],
  { stdio: 'inherit', cwd: path('.') },
)
if (error) console.error(`test-sdk-3: the newer Node could not be started: ${error.message}`)
process.exitCode = status ?? 1
