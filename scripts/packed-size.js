// What the core costs an application that bundles it, and what it puts on a disk.
import { readdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'

/** In bytes; a little above what it is. Raise one with a reason, in a commit of its own. */
const BOUNDS = {
  /** The main entry, as a bundler makes it: there is no dependency. */
  'bundled, minified and gzipped': 46_000,
  /** The tarball's files, with the sources and maps for debuggers. */
  unpacked: 1_400_000,
}

/**
 * Complaints about the size of the core.
 *
 * @param {string} folder where its tarball was unpacked
 * @param {string} dependencies the `node_modules` with what it depends on
 */
export async function complainAboutSize(folder, dependencies) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile())
  const unpacked = files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)
  const code = await bundle(folder, dependencies)
  const found = { 'bundled, minified and gzipped': gzipSync(code, { level: 9 }).length, unpacked }
  return Object.entries(found)
    .filter(([kind, size]) => size > BOUNDS[kind])
    .map(([kind, size]) => `it is ${size} bytes ${kind}; the bound is ${BOUNDS[kind]} (scripts/packed-size.js)`)
}

/** Peers stay outside: they are the application's. */
async function bundle(folder, dependencies) {
  symlinkSync(dependencies, join(folder, 'node_modules'))
  const input = join(folder, 'dist/index.js')
  const build = await rolldown({ input, platform: 'node', external: ['@opentelemetry/api', 'devalue'] })
  const { output } = await build.generate({ format: 'esm', minify: true })
  await build.close()
  return output.map((chunk) => chunk.code).join('')
}
