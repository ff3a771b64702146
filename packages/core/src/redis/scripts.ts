import { createHash } from 'node:crypto'
import type { Milliseconds } from '../types.js'
import { LUA_IS_GENERATION_ID } from './generation-id.js'
import { BARREN } from './released.js'

/** A Lua script, run by its digest. Redis 6.2 and newer. */
export interface Script {
  readonly source: string
  readonly sha: string
}

function script(source: string): Script {
  return { source, sha: createHash('sha1').update(source).digest('hex') }
}

/** A script of a value and its lease. */
export interface PairScript extends Script {
  /**
   * The same, naming the value alone, with the lease as the last of ARGV: it goes where the value is, or would be, while
   * their slot is moving. A lease on the other server is out of its reach: one that cannot be taken, and does not stand.
   * A client's own prefix is put before KEYS only; the rest of the two names is of one length.
   */
  readonly valueAlone: Script
  /** The other way round. */
  readonly leaseAlone: Script
}

function pairScript(source: string): PairScript {
  const other = (key: number): string => `KEYS[${key}]:sub(1, #KEYS[${key}] - #other) .. other`
  return {
    ...script(source),
    valueAlone: script(`local other = table.remove(ARGV)\nKEYS[2] = ${other(1)}\n${source}`),
    leaseAlone: script(`local other = table.remove(ARGV)\nKEYS[2] = KEYS[1]\nKEYS[1] = ${other(2)}\n${source}`),
  }
}

/** Put behind a claim's token where it is made a second time, in a slot that is moving. */
export const AGAIN = '~'

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
local stands = redis.pcall('GET', KEYS[1])
local lasting = tonumber(ARGV[2])
if type(stands) == 'string' and ${LUA_IS_GENERATION_ID} then
  outlive(KEYS[1], lasting)
  return stands
end
if lasting == 0 then redis.call('SET', KEYS[1], ARGV[1]) else redis.call('SET', KEYS[1], ARGV[1], 'PX', lasting * 2) end
return ARGV[1]
`)

/** So long a lease stands without being renewed: a leader that died is replaced within this, and a poll. */
const LEASE_TIME: Milliseconds = 2_000

/**
 * What claims have in common. They refuse nothing to who only reads: a full or read-only server still answers with the
 * values, and says why there is no lease. A claim answers for each key what became of it (1 taken, 0 somebody else's,
 * -1 not tried, or the error) and the value.
 */
const CLAIMING = `
local token, mode, tags = ARGV[1], ARGV[2], ARGV[3]
local function isOfUse(value, belongs)
  local at, fresh, stood, tagged = value:match('^oc1 %S+ (%d+) (%S+) %S+ %S+ %S+ %S+ (%S+) (%S+)\\n')
  if not at or tagged ~= tags then return at end
  if stood ~= belongs or fresh == '-' then return stood == belongs end
  local time = redis.call('TIME')
  return not fresh:find('%D') and at + fresh > time[1] * 1000 + math.floor(time[2] / 1000)
end
local function take(lease)
  if mode ~= 'over' then
    local taken = redis.pcall('SET', lease, token, 'PX', ${LEASE_TIME}, 'NX')
    if taken then return taken.err or 1 end
    local holder = redis.pcall('GET', lease)
    if holder == token .. '${AGAIN}' then return 0 end
    if type(holder) == 'string' and holder:sub(1, ${HOLDER_LENGTH}) ~= token:sub(1, ${HOLDER_LENGTH}) then return 0 end
  end
  return redis.pcall('SET', lease, token, 'PX', ${LEASE_TIME}).err or 1
end
local function claim(value, lease, belongs, note)
  value = mode == '' and redis.pcall('GET', value)
  if type(value) ~= 'string' then value = false end
  if value and isOfUse(value, belongs) then return -1, value end
  return note and note() or take(lease), value
end
`

/**
 * Reads values and, where there is nothing fresh, takes their leases for a load. The generations are known.
 *
 * KEYS: each value and its lease.
 * ARGV: a token (it begins with the holder, who may take what is its own), whom to give way to (a `ClaimMode`), the tags
 * expected as they are stored, the ids of the generations the values belong to.
 * Returns the claims' answers, one after the other.
 */
export const CLAIM: PairScript = pairScript(`${CLAIMING}
local answers = {}
for i = 1, #KEYS, 2 do answers[i], answers[i + 1] = claim(KEYS[i], KEYS[i + 1], ARGV[4]) end
return answers
`)

/**
 * As CLAIM, where the generations are not known: they are noted before the load.
 *
 * KEYS: the generations, the widest first (it never expires), then each value and its lease.
 * ARGV: as CLAIM, but for the ids: how many generations the values belong to, how many KEYS are generations, an id for
 * those that there are none of, how long they must last in milliseconds (0: for ever).
 * Returns the instant in milliseconds, the generations' ids, the claims' answers.
 */
export const NOTE_AND_CLAIM: Script = script(`${OUTLIVE}${CLAIMING}
local count, id, lasting, ids = tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7]), {}
for i = 1, count do
  local stands = redis.pcall('GET', KEYS[i])
  ids[i] = type(stands) == 'string' and ${LUA_IS_GENERATION_ID} and stands or ''
end
local belongs = table.concat(ids, ',', 1, ARGV[4])
local hasNoted = false
local function note()
  if hasNoted then return end
  for i = 1, count do
    if ids[i] == '' then
      local noted
      if i == 1 or lasting == 0 then noted = redis.pcall('SET', KEYS[i], id)
      else noted = redis.pcall('SET', KEYS[i], id, 'PX', lasting * 2) end
      if noted.err then return noted.err end
      ids[i] = id
    elseif i > 1 then outlive(KEYS[i], lasting) end
  end
  hasNoted = true
end
local answers = {}
for i = count + 1, #KEYS, 2 do
  local claimed, value = claim(KEYS[i], KEYS[i + 1], belongs, note)
  answers[#answers + 1] = claimed
  answers[#answers + 1] = value
end
local time = redis.call('TIME')
return {time[1] * 1000 + math.floor(time[2] / 1000), ids, answers}
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
 * Keeps leases. KEYS: the leases. ARGV: their token.
 * Returns for each whether it stands: 0 where it is somebody else's, or nobody's.
 */
export const RENEW_LEASES: Script = script(`
local kept = {}
for i, lease in ipairs(KEYS) do
  kept[i] = redis.pcall('GET', lease) == ARGV[1] and redis.call('PEXPIRE', lease, ${LEASE_TIME}) or 0
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
 * Undefined where an id stands, 0 where another does or none; or the error of a server that does not let it be read.
 * Another type is no id, and what is on another server of a Cluster does not stand.
 */
const ENDED = `
local function ended(key, id)
  local stands = redis.pcall('GET', key)
  if stands == id then return end
  if type(stands) ~= 'table' or stands.err:find('WRONGTYPE') or stands.err:find('non local key') then return 0 end
  return stands
end
`

/**
 * Stores what was loaded, where its lease still stands: a change of the key ends the lease, so that a load that began
 * before it is refused.
 *
 * KEYS: the value, its lease, then those of its generations that are on the same server and to be looked at: all but the
 * widest where the channel tells of that, because what belongs to one that has ended is never read.
 * ARGV: the lease's token, expiry in milliseconds (0: never), the stored form, the ids of those generations.
 * Returns 1; or 0 where its lease or a generation has ended.
 */
export const STORE_LOADED: PairScript = pairScript(`${OUTLIVE}${ENDED}
local over = ended(KEYS[2], ARGV[1])
for i = 3, #KEYS do over = over or ended(KEYS[i], ARGV[i + 1]) end
if over then return over end
for i = 3, #KEYS do outlive(KEYS[i], tonumber(ARGV[2])) end
if ARGV[2] == '0' then redis.call('SET', KEYS[1], ARGV[3]) else redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2]) end
redis.call('DEL', KEYS[2])
return 1
`)

/**
 * Stores a value, stamped with Redis's clock, where its generations still stand and, for what was loaded, its lease. What
 * comes late, because it lay in a socket while Redis hung, is refused: its sender has given up on it, and may have deleted
 * the key since on another connection.
 *
 * KEYS: the value, its lease, then those of its generations that are on the same server, the widest first (it never
 * expires).
 * ARGV: expiry in milliseconds (0: never), the instant after which it is late (empty: unknown), the three pieces of the
 * stored form, the lease's token (empty: none needed), then the ids of all its generations.
 * Returns the instant in milliseconds, below 0 where it is late; or 0 where its lease or a generation has ended.
 */
export const STORE_VALUE: PairScript = pairScript(`${OUTLIVE}${ENDED}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] ~= '' and now > tonumber(ARGV[2]) then return -now end
local over = ARGV[6] ~= '' and ended(KEYS[2], ARGV[6])
for i = 3, #KEYS do over = over or ended(KEYS[i], ARGV[i + 4]) end
if over then return over end
for i = 4, #KEYS do outlive(KEYS[i], tonumber(ARGV[1])) end
local value = ARGV[3] .. string.format('%.0f', now) .. ARGV[4] .. table.concat(ARGV, ',', 7) .. ARGV[5]
if ARGV[1] == '0' then redis.call('SET', KEYS[1], value) else redis.call('SET', KEYS[1], value, 'PX', ARGV[1]) end
redis.pcall('DEL', KEYS[2])
return now
`)

/**
 * Makes a value stale, exactly: it is fresh for no time at all, and its stale windows, which count from the end of
 * freshness, get its age on top. What has no windows is deleted; what is stale already, or no value of ours, is left
 * alone. Its lease ends: what was loaded before must not make it fresh again.
 *
 * KEYS: the value, its lease.
 */
export const EXPIRE_VALUE: PairScript = pairScript(`
redis.pcall('DEL', KEYS[2])
local value = redis.pcall('GET', KEYS[1])
if type(value) ~= 'string' then return 0 end
local head, at, fresh, revalidate, iferror, rest = value:match('^(oc1 %S+ )(%d+) (%S+) (%S+) (%S+) (.*)$')
if not head then return 0 end
for _, duration in ipairs({fresh, revalidate, iferror}) do
  if duration ~= '-' and duration:find('%D') then return 0 end
end
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
