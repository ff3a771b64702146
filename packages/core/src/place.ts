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

/** The place that a memory id names. */
export function placeOfId(id: string): Place {
  if (id.charCodeAt(0) !== 0) return { path: '', key: id, id }
  const brace = id.indexOf('{')
  return { path: id.slice(1, brace), key: id.slice(brace + 1), id }
}
