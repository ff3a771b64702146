// Runs changesets, on the newer Node it needs. After `version` the sources say the new version, too.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { newerNode } from './newer-node.js'

const root = new URL('..', import.meta.url)
const args = process.argv.slice(2)

const changesets = createRequire(import.meta.url).resolve('@changesets/cli/bin.js')
const { status, error } = spawnSync(newerNode, [changesets, ...args], { stdio: 'inherit', cwd: fileURLToPath(root) })
if (error) console.error(`changeset: the newer Node could not be started: ${error.message}`)
process.exitCode = status ?? 1

if (args[0] === 'version' && status === 0) {
  const { version } = JSON.parse(readFileSync(new URL('packages/core/package.json', root), 'utf8'))
  const source = new URL('packages/core/src/version.ts', root)
  writeFileSync(source, readFileSync(source, 'utf8').replace(/'[^']+'$/m, `'${version}'`))
}
