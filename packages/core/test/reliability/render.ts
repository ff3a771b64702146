import { readFileSync } from 'node:fs'
import {
  aclLine,
  COMMANDS,
  COMMANDS_OF_CHANNEL,
  COMMANDS_OF_IOREDIS,
  COMMANDS_OF_IOREDIS_CLUSTER,
  COMMANDS_OF_PURGE,
  COMMANDS_OF_TOPOLOGY,
  channelsOf,
} from './needs.js'
import { COHERENCE, type Results, type Row } from './results.js'
import { SUITE } from './suite.js'

/** docs/reliability.md, as the results and the suite have it. */
export function render({ machine, faults, outages }: Results): string {
  const groups = SUITE.map(({ title, faults: group }) => {
    const names = group.map(({ name }) => name)
    return `### ${title}\n\n${table(faults.filter(({ fault }) => names.includes(fault)))}`
  })
  const rows = outages.map((one) => [
    one.outage,
    one.calls.toLocaleString('en'),
    `${(one.heapGrowth / 1_000_000).toFixed(1)} MB`,
    one.commandsOutstanding,
    one.mostUnconfirmed.toLocaleString('en'),
    one.timersLeft,
  ])
  return `${INTRODUCTION}
## The faults

Eight callers read, load, set and delete twelve keys through each fault, over memory and a real Redis with the default options, except that memory asks Redis again after 20 ms, so that Redis matters. The loader takes no time, so whatever a caller waits, it waits for Redis. A line with no fault is the one above with another client; the client is ioredis 6 unless it says otherwise.

- **cached, loaded, absent**: what \`get\` and \`getOrSet\` returned while the fault lasted.
- **set, delete**: how many of those resolved \`true\` meanwhile.
- **slowest wait** of any call, from the beginning of the fault to the end of the run. Milliseconds, as all durations here.
- **errors** as \`redis_cache_errors_total\` has them, and how many operations were **skipped** by the breaker. The other metrics, \`stats()\` and what callers saw are compared in every run.
- **trusted**: the time from the client's \`ready\`, or else the end of the fault, to the first answer from Redis that was used.
- **replayed**: the same, until nothing was unconfirmed.

In no run was a promise rejected that nobody had handled, did \`getOrSet\` reject, or was a value read after its key had been changed; nor was it found in Redis after the replay. After a failover Redis itself may lose changes: **lost** counts what was read or found then.

${groups.join('\n\n')}

## Ten minutes

In simulated time, sixty calls a second. The heap is compared between the first minute and the last.

${markdownTable(['outage', 'calls', 'heap grew by', 'commands the client still held', 'most unconfirmed', 'timers left after `close()`'], rows)}

${readFileSync(COHERENCE, 'utf8')}
## How the faults were measured

Node ${machine.node}, Redis ${machine.redis}, ${machine.cpus} cores, ${machine.date}. \`pnpm reliability\` runs the suite in \`packages/core/test/reliability\`, one fault at a time, and writes this page; \`pnpm test\` runs the same suite and checks that this page is what its last run has recorded.
`
}

const code = (names: readonly string[]): string => asCode(names.map((name) => name.replace('|', ' ').toUpperCase()))
const asCode = (texts: readonly string[]): string => texts.map((text) => `\`${text}\``).join(', ')

const INTRODUCTION = `# When Redis fails

This page is generated: see the end.

## What is promised

- **No call waits longer for Redis than \`redisTimeout\`** (100 ms), all its waits together. A stall of the process itself is no fault of Redis: a reply that has arrived when the deadline fires counts.
- **After ten failures in a row nobody waits any more.** The circuit breaker opens and Redis is skipped, until one probe at a time has found it back. A process that has never reached Redis does not open it; its calls do not wait either, after the first ones.
- **\`getOrSet\` returns a value**: what is cached, or what the loader returns. It rejects only with the loader's own error.
- **\`true\` is the truth.** \`set\`, \`delete\` and \`clear\` resolve \`true\` once Redis has confirmed it. After \`false\` the delete is queued, and done before this process reads the key again; a \`set\` that is not confirmed becomes such a delete.
- **When Redis is back it is trusted within a second** of the client's \`ready\` or of its first answer, and what is queued is replayed.
- **Every failure is counted** under its own \`error_type\`, and nothing grows meanwhile.

## What is not

- **After a failover Redis may have lost a confirmed write.** Its replication is asynchronous: what the old master had confirmed and not yet passed on is gone, a delete as well as a set. Lifetimes bound what comes back.
- **The queue of unconfirmed deletes dies with the process.** \`close()\` says how many were lost. It holds 10,000 keys; more become one \`clear\`.
- **The client decides when it reconnects.** ioredis 5 waits up to 2 s between late attempts, ioredis 6 up to 5 s, and nobody is back before its client is: set \`retryStrategy\`. With Sentinel, ioredis stays with a master that hangs unless \`failoverDetector\` is set.
- **One breaker is before a whole Cluster.** A master that is gone may open it for the others as well; a probe closes it again as soon as one of them answers.
- **What is stale in a slot that is moving** cannot be leased: it is loaded by whoever asks, and not stored, until the slot has moved.
- **A connection that loses bytes and goes on**, which TCP does not do, is beyond anybody's repair: replies would belong to other commands.

## What the cache needs of Redis

Redis 6.2 or newer, or what speaks it, and these commands: ${code(COMMANDS)}; for \`clear({ purge: true })\` also ${code(COMMANDS_OF_PURGE)}. For the invalidation channel ${code(COMMANDS_OF_CHANNEL)} and ${code(COMMANDS_OF_TOPOLOGY)}, and the channels ${asCode(channelsOf('patterns:'))}: without them memory is believed for \`maxStaleness\` and no longer. ioredis itself asks for ${code(COMMANDS_OF_IOREDIS)}, and in a Cluster for ${code(COMMANDS_OF_IOREDIS_CLUSTER)}. A user that may do just that, for a cache with the key prefix \`patterns:\`:

\`\`\`
ACL SETUSER app on >secret ${aclLine('patterns:').join(' ')}
\`\`\`
`

function table(rows: readonly Row[]): string {
  const loses = rows.some(({ lost }) => lost > 0)
  const heads = ['fault', 'cached', 'loaded', 'absent', 'set', 'delete', 'slowest wait', 'errors', 'skipped']
  const cells = rows.map((row, index) => {
    const isSame = rows[index - 1]?.fault === row.fault
    return [
      isSame ? `… ${row.client}` : row.fault,
      row.got.cached,
      row.got.loaded,
      row.got.nothing,
      `${row.got.set.confirmed}/${row.got.set.of}`,
      `${row.got.delete.confirmed}/${row.got.delete.of}`,
      row.slowestWait,
      Object.entries(row.errors)
        .sort()
        .map(([type, count]) => `${count} ${type}`)
        .join(', ') || 'none',
      row.skipped,
      row.breakerOpened ? 'opened' : 'closed',
      row.trustedAfter,
      row.replayedAfter,
      ...(loses ? [row.lost] : []),
    ]
  })
  return markdownTable([...heads, 'breaker', 'trusted', 'replayed', ...(loses ? ['lost'] : [])], cells)
}

function markdownTable(heads: readonly string[], rows: ReadonlyArray<ReadonlyArray<string | number>>): string {
  const line = (cells: readonly unknown[]): string => `| ${cells.join(' | ')} |`
  return [line(heads), line(heads.map((_, index) => (index === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n')
}
