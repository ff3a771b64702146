// Packs what is published, as a registry would get it, lets publint and attw look at the tarballs, and looks itself at what
// is in them.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { complainAboutContents } from './packed-contents.js'
import { complainAboutSize } from './packed-size.js'

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

async function check(name, folder) {
  run(pnpm, ['pack', '--pack-destination', folder], join(root, 'packages', name))
  const tarball = readdirSync(folder).find((file) => file.startsWith(`otel-cache-${name}-`))
  if (tarball === undefined) return
  const path = join(folder, tarball)
  run(bin('publint'), ['run', '--strict', path])
  run(bin('attw'), ['--profile', 'esm-only', path])
  const unpacked = join(folder, name)
  mkdirSync(unpacked)
  run('tar', ['--extract', '--gzip', '--file', path, '--directory', unpacked, '--strip-components', '1'])
  const complaints = complainAboutContents(unpacked, name, root)
  if (name === 'core') complaints.push(...(await complainAboutSize(unpacked, join(root, 'packages/core/node_modules'))))
  for (const complaint of complaints) console.error(`packages/${name}, packed: ${complaint}`)
  if (complaints.length > 0) process.exitCode = 1
}

const folder = mkdtempSync(join(tmpdir(), 'otel-cache-packed-'))
try {
  for (const name of published) await check(name, folder)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
