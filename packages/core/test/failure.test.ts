import { describe, expect, test } from 'vitest'
import { failureOf, isUnknownScript } from '../src/redis/failure.js'

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name })
}

describe('why ioredis rejected a command', () => {
  const REPLIES = [
    ['NOAUTH Authentication required.', 'auth'],
    ['WRONGPASS invalid username-password pair or user is disabled.', 'auth'],
    ["NOPERM this user has no permissions to run the 'get' command", 'auth'],
    ["READONLY You can't write against a read only replica.", 'readonly'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'oom'],
    ['LOADING Redis is loading the dataset in memory', 'loading'],
    ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", 'cluster'],
    ['MOVED 3999 127.0.0.1:6381', 'cluster'],
    ['ASK 3999 127.0.0.1:6381', 'cluster'],
    ['TRYAGAIN Multiple keys request during rehashing of slot', 'cluster'],
    ['CLUSTERDOWN Hash slot not served', 'cluster'],
    ["CROSSSLOT Keys in request don't hash to the same slot", 'cluster'],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'undecodable'],
    ["ERR unknown command 'MGET', with args beginning with: ", 'other'],
    ['BUSY Redis is busy running a script.', 'other'],
    ['MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist on disk.', 'readonly'],
    // Words of Redis inside a message are no code of Redis.
    ['ERR the OOM killer was here, READONLY', 'other'],
    // Scripts put their cause behind a preamble: Redis 6.2, then 7.
    [
      "ERR Error running script (call to f_0a1B): @user_script:3: @user_script: 3: -OOM command not allowed when used memory > 'maxmemory'.",
      'oom',
    ],
    [
      "ERR Error running script (call to f_0a1B): @user_script:3: -READONLY You can't write against a read only replica.",
      'readonly',
    ],
    ["OOM command not allowed when used memory > 'maxmemory'. script: 0a1b, on @user_script:12.", 'oom'],
    ["READONLY You can't write against a read only replica. script: 0a1b, on @user_script:12.", 'readonly'],
    [
      'WRONGTYPE Operation against a key holding the wrong kind of value script: 0a1b, on @user_script:2.',
      'undecodable',
    ],
  ] as const

  test.each(REPLIES)('%s', (message, expected) => {
    expect(failureOf(named('ReplyError', message))).toBe(expected)
  })

  const ERRORS: ReadonlyArray<readonly [string, unknown, string]> = [
    ['a closed connection', new Error('Connection is closed.'), 'connection'],
    [
      'a stream that cannot be written',
      new Error("Stream isn't writeable and enableOfflineQueue options is false"),
      'connection',
    ],
    [
      'retries used up',
      named('MaxRetriesPerRequestError', 'Reached the max retries per request limit (which is 20).'),
      'connection',
    ],
    ['an aborted command', named('AbortError', 'Command aborted due to connection close'), 'connection'],
    ['refused', Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' }), 'connection'],
    ['reset', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }), 'connection'],
    ['a broken pipe', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }), 'connection'],
    ['an unknown host', Object.assign(new Error('getaddrinfo ENOTFOUND nowhere'), { code: 'ENOTFOUND' }), 'connection'],
    ['no route', Object.assign(new Error('connect EHOSTUNREACH'), { code: 'EHOSTUNREACH' }), 'connection'],
    ["ioredis's own commandTimeout", new Error('Command timed out'), 'timeout'],
    ['no node of a cluster', named('ClusterAllFailedError', 'Failed to refresh slots cache.'), 'cluster'],
    ['something else', new TypeError('x is not a function'), 'other'],
    ['an empty message', new Error(''), 'other'],
    ['no Error at all', 'OOM', 'other'],
    ['undefined', undefined, 'other'],
    ['null', null, 'other'],
  ]

  test.each(ERRORS)('%s', (_, error, expected) => {
    expect(failureOf(error)).toBe(expected)
  })
})

test.each([
  [new Error('NOSCRIPT No matching script. Please use EVAL.'), true],
  [new Error('ERR NOSCRIPT is not what this is'), false],
  ['NOSCRIPT', false],
  [undefined, false],
])('whether Redis does not know a script: %s', (error, expected) => {
  expect(isUnknownScript(error)).toBe(expected)
})
