import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createGunzip } from 'node:zlib'

const SUFFIX = '.txt.gz'
/** Beside the project. */
const DEFAULT_FOLDER = fileURLToPath(new URL('../../../../shared/traces', import.meta.url))

/** Keys in the order in which they were asked for, as whole numbers from 0. */
export interface Trace {
  readonly name: string
  readonly requests: Int32Array
  /** How many different ones there are. */
  readonly keys: number
}

/** Where traces lie: `OTEL_CACHE_TRACES`, or a folder beside the project. */
export function tracesFolder(): string {
  return process.env['OTEL_CACHE_TRACES'] ?? DEFAULT_FOLDER
}

/** The traces of a folder, in the order of their names; none where there is no such folder. */
export async function traceFiles(folder: string): Promise<readonly string[]> {
  try {
    const names = await readdir(folder)
    return names
      .filter((name) => name.endsWith(SUFFIX))
      .sort()
      .map((name) => join(folder, name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Reads at most so many requests: one a line, each a key as a whole number, gzipped. */
export async function readTrace(file: string, most: number): Promise<Trace> {
  const requests: number[] = []
  const keys = new Set<number>()
  const input = createReadStream(file)
  for await (const line of createInterface({ input: input.pipe(createGunzip()) })) {
    const key = Number(line)
    if (line === '' || !Number.isSafeInteger(key) || key < 0 || key > 0x7fffffff) {
      throw new TypeError(`${file}, line ${requests.length + 1}: expected a whole number from 0, received '${line}'`)
    }
    requests.push(key)
    keys.add(key)
    if (requests.length === most) break
  }
  input.destroy()
  return { name: basename(file, SUFFIX), requests: Int32Array.from(requests), keys: keys.size }
}
