import { createHash } from 'node:crypto'
import { LUA_NO_GENERATION_ID } from './generation-id.js'

/** A Lua script, run by its digest. Redis 6.2 and newer. */
export interface Script {
  readonly source: string
  readonly sha: string
}

function script(source: string): Script {
  return { source, sha: createHash('sha1').update(source).digest('hex') }
}

/** A generation lives at least as long as what is stored under it. Those without an expiry stay so. */
const OUTLIVE = `
local function outlive(key, lasting)
  local left = redis.call('PTTL', key)
  if left < 0 then return end
  if lasting == 0 then redis.call('PERSIST', key)
  elseif left < lasting then redis.call('PEXPIRE', key, lasting * 2) end
end
`

/**
 * Notes a generation: returns the id that stands, made where there is none, or something else.
 *
 * KEYS: the generation. ARGV: an id for it, and how long it must last in milliseconds (0: for ever).
 */
export const NOTE_GENERATION: Script = script(`${OUTLIVE}
local id = redis.pcall('GET', KEYS[1])
local lasting = tonumber(ARGV[2])
if type(id) == 'string' and not (${LUA_NO_GENERATION_ID}) then
  outlive(KEYS[1], lasting)
  return id
end
if lasting == 0 then redis.call('SET', KEYS[1], ARGV[1]) else redis.call('SET', KEYS[1], ARGV[1], 'PX', lasting * 2) end
return ARGV[1]
`)

/**
 * Stores a value, stamped with Redis's clock, where its generations still stand. What comes late, because it lay in a
 * socket while Redis hung, is refused: its sender has given up on it, and may have deleted the key since on another
 * connection.
 *
 * KEYS: the value, then those of its generations that are on the same server, the widest first (it never expires).
 * ARGV: expiry in milliseconds (0: never), the instant after which it is late (empty: unknown), the three pieces of the
 * stored form, then the ids of all its generations.
 * Returns the instant in milliseconds, below 0 where it is late; or 0 where a generation has ended.
 */
export const STORE_VALUE: Script = script(`${OUTLIVE}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] ~= '' and now > tonumber(ARGV[2]) then return -now end
for i = 2, #KEYS do
  if redis.pcall('GET', KEYS[i]) ~= ARGV[i + 4] then return 0 end
end
for i = 3, #KEYS do outlive(KEYS[i], tonumber(ARGV[1])) end
local value = ARGV[3] .. string.format('%.0f', now) .. ARGV[4] .. table.concat(ARGV, ',', 6) .. ARGV[5]
if ARGV[1] == '0' then redis.call('SET', KEYS[1], value) else redis.call('SET', KEYS[1], value, 'PX', ARGV[1]) end
return now
`)

/**
 * Makes a value stale, exactly: it is fresh for no time at all, and its stale windows, which count from the end of
 * freshness, get its age on top. What has no windows is deleted; what is stale already, or no value of ours, is left
 * alone.
 *
 * KEYS: the value.
 */
export const EXPIRE_VALUE: Script = script(`
local value = redis.pcall('GET', KEYS[1])
if type(value) ~= 'string' then return 0 end
local head, at, fresh, revalidate, iferror, rest = value:match('^(oc1 %S+ )(%d+) (%S+) (%S+) (%S+) (.*)$')
if not head then return 0 end
local time = redis.call('TIME')
local age = math.max(0, time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(at))
if fresh ~= '-' and tonumber(fresh) <= age then return 0 end
if revalidate == '0' and iferror == '0' then return redis.call('DEL', KEYS[1]) end
local function later(window)
  if window == '-' or window == '0' then return window end
  return string.format('%.0f', tonumber(window) + age)
end
local stale = head .. at .. ' 0 ' .. later(revalidate) .. ' ' .. later(iferror) .. ' ' .. rest
if revalidate == '-' or iferror == '-' then redis.call('SET', KEYS[1], stale)
else redis.call('SET', KEYS[1], stale, 'PX', math.max(tonumber(revalidate), tonumber(iferror))) end
return 1
`)
