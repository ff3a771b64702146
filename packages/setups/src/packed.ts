import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from './paths.js'
import { pnpm } from './run.js'

/** The tarballs of what is published. */
export interface Packed {
  readonly core: string
  readonly exporter: string
}

/** Packs what is published, as a registry would get it. */
export async function pack(folder: string): Promise<Packed> {
  await mkdir(folder)
  for (const name of ['core', 'exporter']) {
    await pnpm(join(ROOT, 'packages', name), 'pack', '--pack-destination', folder)
  }
  const tarballs = await readdir(folder)
  const path = (name: string) => join(folder, tarballs.find((file) => file.startsWith(`otel-cache-${name}-`)) ?? name)
  return { core: path('core'), exporter: path('exporter') }
}

export async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8')) as T
}

export async function writeJson(path: string, content: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(content, null, 2)}\n`)
}
