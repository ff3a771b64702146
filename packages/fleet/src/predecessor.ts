import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

const TARBALLS = fileURLToPath(new URL('../predecessor/', import.meta.url))
const FLEET = fileURLToPath(new URL('../', import.meta.url))

/** The release of the core before this one, as it was packed. */
export interface Predecessor {
  /** Its entry module. */
  readonly module: string
  remove(): Promise<void>
}

/** Unpacks the one tarball there is. What it depends on, this package depends on. */
export async function unpackPredecessor(): Promise<Predecessor> {
  const [tarball, ...others] = (await readdir(TARBALLS)).filter((name) => name.endsWith('.tgz'))
  if (tarball === undefined || others.length > 0) throw new Error(`expected one tarball in ${TARBALLS}`)
  const folder = await mkdtemp(join(tmpdir(), 'otel-cache-predecessor-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  try {
    await promisify(execFile)('tar', ['-xzf', join(TARBALLS, tarball), '-C', folder])
    await symlink(join(FLEET, 'node_modules'), join(folder, 'package/node_modules'))
  } catch (error) {
    await remove()
    throw error
  }
  return { module: pathToFileURL(join(folder, 'package/dist/index.js')).href, remove }
}
