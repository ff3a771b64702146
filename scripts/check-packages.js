// Packs what is published, as a registry would get it, and lets publint and attw look at the tarballs.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const published = ['core', 'exporter']
const bin = (tool) => join(root, 'node_modules/.bin', tool)
/** pnpm alone turns `catalog:` and `workspace:` into versions. It tells its scripts where it is. */
const pnpm = process.env.npm_execpath ?? 'pnpm'

/** Runs a tool of the workspace; what it says is shown only when it objects. */
function run(tool, args, cwd = root) {
  try {
    execFileSync(tool, args, { cwd, encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    console.error(`${tool} ${args.join(' ')}\n${error.stdout ?? ''}${error.stderr ?? error.message}`)
    process.exitCode = 1
  }
}

const folder = mkdtempSync(join(tmpdir(), 'otel-cache-packed-'))
try {
  for (const name of published) {
    const cwd = join(root, 'packages', name)
    run(pnpm, ['pack', '--pack-destination', folder], cwd)
  }
  for (const tarball of readdirSync(folder)) {
    run(bin('publint'), ['run', '--strict', join(folder, tarball)])
    run(bin('attw'), ['--profile', 'esm-only', join(folder, tarball)])
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
