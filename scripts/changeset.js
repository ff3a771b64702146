// Runs changesets, on the newer Node it needs. After `version` the sources say the new version, too.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { newerNode } from './newer-node.js'

const root = new URL('..', import.meta.url)
const args = process.argv.slice(2)

/** Ends with the status of what it ran where that failed. */
function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', cwd: fileURLToPath(root) })
  if (error) console.error(`changeset: ${command} could not be started: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
}

run(newerNode, [createRequire(import.meta.url).resolve('@changesets/cli/bin.js'), ...args])
if (args[0] === 'version') {
  const { version } = JSON.parse(readFileSync(new URL('packages/core/package.json', root), 'utf8'))
  const source = new URL('packages/core/src/version.ts', root)
  writeFileSync(source, readFileSync(source, 'utf8').replace(/'[^']+'$/m, `'${version}'`))
  // Changesets lays the manifests out in its own way.
  run(fileURLToPath(new URL('node_modules/.bin/biome', root)), ['format', '--write', 'packages'])
}
