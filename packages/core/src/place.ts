import { memoryId } from './keys.js'

/** A key in a view, with its name in this process. */
export interface Place {
  readonly path: string
  readonly key: string
  readonly id: string
}

export function placeOf(path: string, key: string): Place {
  return { path, key, id: memoryId(path, key) }
}
