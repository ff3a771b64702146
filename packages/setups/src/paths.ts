import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The workspace. */
export const ROOT: string = fileURLToPath(new URL('../../../', import.meta.url))
/** This package. */
export const HERE: string = join(ROOT, 'packages/setups')
