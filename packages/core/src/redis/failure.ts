import type { ErrorType } from '../outcome.js'

/** Reply codes of Redis by the type under which they are counted. */
const BY_CODE: Readonly<Record<string, ErrorType>> = {
  NOAUTH: 'auth',
  WRONGPASS: 'auth',
  NOPERM: 'auth',
  READONLY: 'readonly',
  // It refuses writes, and goes on reading.
  MISCONF: 'readonly',
  NOREPLICAS: 'readonly',
  OOM: 'oom',
  LOADING: 'loading',
  MASTERDOWN: 'cluster',
  MOVED: 'cluster',
  ASK: 'cluster',
  TRYAGAIN: 'cluster',
  CLUSTERDOWN: 'cluster',
  CROSSSLOT: 'cluster',
  WRONGTYPE: 'undecodable',
}

/** What a script says of a key in a slot that is moving; and what ioredis says once it has been redirected too often. */
const CLUSTER = /non local key|too many cluster redirections/i
const CONNECTION = /connection is closed|isn't writeable|connection.*(?:ended|lost)|socket|max retries per request/i
const CONNECTION_CODE = /^(?:ECONN|EPIPE|ENOTFOUND|EAI_|EHOST|ENET|ETIMEDOUT|NR_CLOSED|UNCERTAIN_STATE)/

/** Why ioredis rejected a command. */
export function failureOf(error: unknown): ErrorType {
  if (!(error instanceof Error)) return 'other'
  const { message, name } = error
  // A script that failed puts its cause behind a preamble of its own.
  const code = /^(?:ERR Error running script.*?: )?(?:@user_script:\d+: )?-?([A-Z]+)\b/.exec(message)?.[1]
  const byCode = code === undefined ? undefined : BY_CODE[code]
  if (byCode !== undefined) return byCode
  if (CLUSTER.test(message)) return 'cluster'
  if (message === 'Command timed out') return 'timeout'
  if (name === 'ClusterAllFailedError') return 'cluster'
  if (name === 'MaxRetriesPerRequestError' || name === 'AbortError' || CONNECTION.test(message)) return 'connection'
  return CONNECTION_CODE.test((error as NodeJS.ErrnoException).code ?? '') ? 'connection' : 'other'
}

/** Redis does not know the script: its cache was flushed, or the server is new. */
export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}
