import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { beginSlotMove } from '@otel-cache/test-servers'
import type { Fleet } from './fleet.js'
import type { Window } from './history.js'
import { now } from './journal.js'
import { rawName, SUBJECTS, type Subject } from './layout.js'
import type { Mix } from './messages.js'
import type { Outsider } from './outsider.js'
import type { Servers } from './servers.js'

/** What a disturbance may lay hands on. */
export interface Stage {
  readonly fleet: Fleet
  readonly outsider: Outsider
  readonly mix: Mix
  readonly servers: Servers
  /** In which Redis may lose what it has confirmed. */
  readonly windows: Window[]
}

/** Something that happens to a fleet at work. Resolves once it is over; whatever lasts longer is healed by then. */
export type Disturbance = (stage: Stage) => Promise<void>

/** Redis ends the connections that wait for invalidations, again and again. */
export function killChannels(times: number, period: number): Disturbance {
  return async ({ servers: { server } }) => {
    for (let i = 0; i < times; i++) {
      await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
      await pause(period)
    }
  }
}

export function stopRedis(duration: number): Disturbance {
  return async ({ servers: { server } }) => {
    await server.kill('SIGSTOP')
    try {
      await pause(duration)
    } finally {
      await server.kill('SIGCONT')
    }
  }
}

/** A shell does it: the process goes on even if this one is killed meanwhile. */
export function stopWorker(duration: number): Disturbance {
  return async ({ fleet }) => {
    const pid = String(fleet.members[0]?.pid)
    const script = 'kill -STOP "$1"; sleep "$2"; kill -CONT "$1"'
    await once(spawn('sh', ['-c', script, 'sh', pid, String(duration / 1_000)], { stdio: 'ignore' }), 'exit')
  }
}

/** A process dies while it loads a key for all, and another one takes its place. */
export function killLeaders(times: number, period: number): Disturbance {
  return async ({ fleet, mix }) => {
    for (let i = 0; i < times; i++) {
      const [leader] = fleet.members
      leader?.send({ kind: 'call', key: `leader-${i}`, callers: 1, loader: 'hangs' })
      await leader?.answer('loading')
      await leader?.kill()
      const heir = await fleet.add()
      heir.send({ kind: 'mix', mix })
      await pause(period)
    }
  }
}

/** Nothing arrives any more on the connections that have subscribed or do, and nobody is told. */
export function blackHoleChannels(duration: number): Disturbance {
  return async ({ servers: { proxy } }) => {
    proxy?.set({ kind: 'black-hole' }, 'subscribed')
    await pause(duration)
    proxy?.heal()
  }
}

/** What arrives on the connections that have subscribed or do arrives later, until all is healed. */
export function delayChannels(ms: number): Disturbance {
  return async ({ servers: { proxy } }) => proxy?.set({ kind: 'delay', ms, direction: 'replies' }, 'subscribed')
}

/** Replies arrive later than what is told of the keys they are about. */
export function delayReplies(ms: number): Disturbance {
  return async ({ servers: { proxy } }) => {
    proxy?.set({ kind: 'delay', ms, direction: 'replies' })
    proxy?.set({ kind: 'pass' }, 'subscribed')
  }
}

export function blackHoleAll(duration: number): Disturbance {
  return async ({ servers: { proxy } }) => {
    proxy?.set({ kind: 'black-hole' })
    await pause(duration)
    proxy?.heal()
  }
}

/** How long before a failover Redis may have passed on nothing, and after it clients may not have noticed. */
const LOSES_BEFORE = 1_000
const LOSES_AFTER = 3_000

/**
 * Another master takes over. Replication is asynchronous: what was confirmed shortly before is lost, and so is what the
 * old master confirms to those who still hold on to it.
 */
export function failOver(how: 'asked' | 'killed'): Disturbance {
  return async ({ servers: { sentinels }, windows }) => {
    if (sentinels === undefined) return
    const from = now() - LOSES_BEFORE
    const old = await sentinels.master()
    if (how === 'asked') await sentinels.failover()
    else {
      await old.kill('SIGKILL')
      await sentinels.masterAfter(old)
      await old.restart()
    }
    await pause(LOSES_AFTER)
    windows.push({ from, to: now() })
  }
}

/** A master of a Cluster dies, and its replica takes over. */
export function killMaster(): Disturbance {
  return async ({ servers: { cluster, server }, windows }) => {
    const from = now() - LOSES_BEFORE
    await server.kill('SIGKILL')
    const others = (cluster?.nodes ?? []).filter((node) => node !== server)
    const isOver = async (): Promise<boolean> => {
      const roles = await Promise.all(others.map((node) => node.command('ROLE').catch(String)))
      return roles.filter((role) => String(role).startsWith('master')).length === MASTERS
    }
    while (!(await isOver())) await pause(50)
    await server.restart()
    await pause(LOSES_AFTER)
    windows.push({ from, to: now() })
  }
}

const MASTERS = 3

/** The keys move to other masters of a Cluster, one after the other, each held for a while between its two masters. */
export function moveSlots(held: number, subjects: readonly Subject[] = SUBJECTS): Disturbance {
  return async ({ servers: { cluster } }) => {
    if (cluster === undefined) return
    for (const subject of subjects) {
      const move = await beginSlotMove(cluster, rawName(subject))
      await pause(held / 2)
      await move.migrate()
      await pause(held / 2)
      await move.finish()
    }
  }
}

export function flushAll(times: number, period: number): Disturbance {
  return async ({ outsider }) => {
    for (let i = 0; i < times; i++) {
      await outsider.flush()
      await pause(period)
    }
  }
}

/** Somebody fills a server of little memory, so that it evicts what it holds: values, leases and generations. */
export function evict(duration: number): Disturbance {
  return async ({ servers: { server } }) => {
    const used = Number(/used_memory:(\d+)/.exec(String(await server.command('INFO', 'memory')))?.[1])
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    await server.command('CONFIG', 'SET', 'maxmemory', used + 2_000_000)
    const until = now() + duration
    const filler = 'x'.repeat(20_000)
    for (let i = 0; now() < until; i++) {
      await server.command('SET', `filler-${i}`, filler)
      await pause(2)
    }
    await server.command('CONFIG', 'SET', 'maxmemory', 0)
    const evicted = Number(/evicted_keys:(\d+)/.exec(String(await server.command('INFO', 'stats')))?.[1])
    if (!(evicted > 0)) throw new Error('nothing was evicted')
  }
}

/** A client that knows nothing of this SDK writes and deletes its values. */
export function writeFromOutside(duration: number): Disturbance {
  return async ({ outsider }) => {
    outsider.writes(true)
    await pause(duration)
    outsider.writes(false)
  }
}

/** Nothing at all. */
export function calm(duration: number): Disturbance {
  return () => pause(duration)
}
