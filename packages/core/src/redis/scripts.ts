import { createHash } from 'node:crypto'
import { LUA_NO_GENERATION_ID } from './generation-id.js'
import { BARREN } from './released.js'

/** A Lua script, run by its digest. Redis 6.2 and newer. */
export interface Script {
  readonly source: string
  readonly sha: string
}

function script(source: string): Script {
  return { source, sha: createHash('sha1').update(source).digest('hex') }
}

/** A process has an id like a generation's. */
const HOLDER_LENGTH = 12

/** A generation lives at least as long as what is stored under it. Those without an expiry stay so. */
const OUTLIVE = `
local function outlive(key, lasting)
  local left = redis.call('PTTL', key)
  if left < 0 then return end
  if lasting == 0 then redis.pcall('PERSIST', key)
  elseif left < lasting then redis.pcall('PEXPIRE', key, lasting * 2) end
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
 * Reads values and, where there is nothing fresh, takes their leases for a load, together with the generations that what
 * is loaded will belong to: those are noted before the load. It refuses nothing to who only reads: a full or read-only
 * server still answers with the values, and says why there is no lease.
 *
 * KEYS: the generations, the widest first (it never expires), then each value and its lease; in a Cluster, or where they
 * are known, no generations.
 * ARGV: a token (it begins with the holder, who may take what is its own), the leases' time in milliseconds, an id for
 * generations that there are none of, how long they must last in milliseconds (0: for ever), whether to give way to what
 * is fresh and to who holds the lease (empty), to the latter only (`free`) or to nobody (`over`), the tags expected as
 * they are stored, how many generations the values belong to, how many KEYS are generations, then the ids of generations
 * that are no KEYS.
 * Returns the instant in milliseconds, the generations' ids, the values, and the claims: 1 taken; 0 somebody else's;
 * -1 not tried; or the error.
 */
export const CLAIM: Script = script(`${OUTLIVE}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local count, lasting, ids = tonumber(ARGV[8]), tonumber(ARGV[4]), {}
for i = 1, count do
  local id = redis.pcall('GET', KEYS[i])
  if type(id) ~= 'string' or ${LUA_NO_GENERATION_ID} then id = '' end
  ids[i] = id
end
for i = 9, #ARGV do ids[i - 8] = ARGV[i] end
local belongs = table.concat(ids, ',', 1, ARGV[7])
local hasNoted = false
local function note()
  if hasNoted then return end
  for i = 1, count do
    if ids[i] == '' then
      local noted
      if i == 1 or lasting == 0 then noted = redis.pcall('SET', KEYS[i], ARGV[3])
      else noted = redis.pcall('SET', KEYS[i], ARGV[3], 'PX', lasting * 2) end
      if noted.err then return noted.err end
      ids[i] = ARGV[3]
    elseif i > 1 then outlive(KEYS[i], lasting) end
  end
  hasNoted = true
end
local function isOfUse(value)
  local at, fresh, stood, tags = value:match('^oc1 %S+ (%d+) (%S+) %S+ %S+ %S+ %S+ (%S+) (%S+)\\n')
  return at and (tags ~= ARGV[6] or (stood == belongs and (fresh == '-' or at + fresh > now)))
end
local function claim(lease)
  if ARGV[5] ~= 'over' then
    local holder = redis.pcall('GET', lease)
    if type(holder) == 'string' and holder:sub(1, ${HOLDER_LENGTH}) ~= ARGV[1]:sub(1, ${HOLDER_LENGTH}) then return 0 end
  end
  return note() or redis.pcall('SET', lease, ARGV[1], 'PX', ARGV[2]).err or 1
end
local values, claims = {}, {}
for i = count + 1, #KEYS, 2 do
  local value = ARGV[5] == '' and redis.pcall('GET', KEYS[i])
  if type(value) ~= 'string' then value = false end
  values[#values + 1] = value
  claims[#values] = value and isOfUse(value) and -1 or claim(KEYS[i + 1])
end
return {now, ids, values, claims}
`)

/**
 * Ends a generation and begins the next, where a full server lets it.
 *
 * KEYS: the generation. ARGV: the id of the next, and how long it is kept in milliseconds.
 * Returns the former id where the next one stands now.
 */
export const ROTATE_GENERATION: Script = script(`
local former = redis.pcall('GET', KEYS[1])
redis.call('DEL', KEYS[1])
if type(former) ~= 'string' or redis.pcall('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]).err then return false end
return former
`)

/**
 * Keeps leases. KEYS: the leases. ARGV: their token, their time in milliseconds.
 * Returns for each whether it stands: 0 where it is somebody else's, or nobody's.
 */
export const RENEW_LEASES: Script = script(`
local kept = {}
for i, lease in ipairs(KEYS) do
  kept[i] = redis.pcall('GET', lease) == ARGV[1] and redis.call('PEXPIRE', lease, ARGV[2]) or 0
end
return kept
`)

/**
 * Gives leases back that no value was stored under, and wakes who waits for them.
 *
 * KEYS: the leases. ARGV: their token, the channel to tell their names on, and what to tell before each. That there is
 * nothing to store is told of a lease that has ended, too.
 */
export const RELEASE_LEASES: Script = script(`
for _, lease in ipairs(KEYS) do
  if redis.pcall('GET', lease) == ARGV[1] then
    redis.call('DEL', lease)
    redis.pcall('PUBLISH', ARGV[2], ARGV[3] .. lease)
  elseif ARGV[3] == '${BARREN}' then redis.pcall('PUBLISH', ARGV[2], ARGV[3] .. lease) end
end
return #KEYS
`)

/**
 * Stores a value, stamped with Redis's clock, where its generations still stand and, for what was loaded, its lease: a
 * change of the key ends the lease, so that a load that began before it is refused. What comes late, because it lay in a
 * socket while Redis hung, is refused: its sender has given up on it, and may have deleted the key since on another
 * connection.
 *
 * KEYS: the value, its lease, then those of its generations that are on the same server, the widest first (it never
 * expires).
 * ARGV: expiry in milliseconds (0: never), the instant after which it is late (empty: unknown), the three pieces of the
 * stored form, the lease's token (empty: none needed), then the ids of all its generations.
 * Returns the instant in milliseconds, below 0 where it is late; or 0 where its lease or a generation has ended.
 */
export const STORE_VALUE: Script = script(`${OUTLIVE}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] ~= '' and now > tonumber(ARGV[2]) then return -now end
if ARGV[6] ~= '' and redis.pcall('GET', KEYS[2]) ~= ARGV[6] then return 0 end
for i = 3, #KEYS do
  if redis.pcall('GET', KEYS[i]) ~= ARGV[i + 4] then return 0 end
end
for i = 4, #KEYS do outlive(KEYS[i], tonumber(ARGV[1])) end
local value = ARGV[3] .. string.format('%.0f', now) .. ARGV[4] .. table.concat(ARGV, ',', 7) .. ARGV[5]
if ARGV[1] == '0' then redis.call('SET', KEYS[1], value) else redis.call('SET', KEYS[1], value, 'PX', ARGV[1]) end
redis.call('DEL', KEYS[2])
return now
`)

/**
 * Makes a value stale, exactly: it is fresh for no time at all, and its stale windows, which count from the end of
 * freshness, get its age on top. What has no windows is deleted; what is stale already, or no value of ours, is left
 * alone. Its lease ends: what was loaded before must not make it fresh again.
 *
 * KEYS: the value, its lease.
 */
export const EXPIRE_VALUE: Script = script(`
redis.call('DEL', KEYS[2])
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
