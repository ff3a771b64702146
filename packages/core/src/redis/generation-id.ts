import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'

const BYTES = 9
/** The same in Lua, of what `stands` in Redis. */
export const LUA_IS_GENERATION_ID = "#stands == 12 and not stands:find('[^%w_-]')"
const GENERATION_ID = /^[\w-]{12}$/

/** A new id that no process ever makes again. */
export function newGenerationId(): string {
  return randomBytes(BYTES).toString('base64url')
}

/** What Redis holds where a generation's id belongs; undefined for what is none. */
export function readGenerationId(stored: unknown): string | undefined {
  if (!Buffer.isBuffer(stored)) return undefined
  const id = stored.toString('latin1')
  return GENERATION_ID.test(id) ? id : undefined
}
