import { createCache } from '@otel-cache/core'
import { type Calling, call } from './call.js'
import { connect } from './client.js'
import { Journal } from './journal.js'
import { CACHE_NAME } from './layout.js'
import type { Answer, Plan, Request, Seen } from './messages.js'
import { Mixer } from './mixer.js'
import { Versions } from './versions.js'
import { type Watch, watch, writeAgainAndAgain } from './watch.js'

/** A process of the fleet: one client, one cache, and whatever its parent asks for. */
async function main(plan: Plan): Promise<void> {
  const { createCache: create } = await load(plan.core)
  const client = connect(plan.target)
  const cache = create({ name: CACHE_NAME, redis: client, ...plan.cache })
  const journal = new Journal(plan.journal)
  const calling: Calling = { cache, versions: new Versions(plan.process) }
  const mixer = new Mixer(cache, journal, calling.versions, plan.seed)
  const watches: Watch[] = []

  const stop = async (): Promise<void> => {
    await mixer.stop()
    const seen: Seen[] = watches.flatMap((one) => one.stop())
    const stats = cache.stats()
    journal.close()
    await cache.close()
    client.disconnect()
    await answer({ kind: 'stopped', stats, seen })
    // Nothing else may keep this process alive: its parent waits for its end.
    process.off('disconnect', exit)
    process.disconnect()
  }

  process.on('message', async (request: Request) => {
    if (request.kind === 'mix') mixer.start(request.mix)
    else if (request.kind === 'quiet') mixer.quiet()
    else if (request.kind === 'call')
      await answer(await call(calling, request, (at) => answer({ kind: 'loading', at })))
    else if (request.kind === 'write') await answer(await writeAgainAndAgain(calling, request))
    else if (request.kind === 'watch') watches.push(watch(cache, request.subject))
    else await stop()
  })
  await cache.ready()
  await answer({ kind: 'ready' })
}

async function load(core: string | undefined): Promise<{ createCache: typeof createCache }> {
  return core === undefined ? { createCache } : await import(core)
}

function answer(message: Answer): Promise<void> {
  return new Promise((resolve) => process.send?.(message, () => resolve()))
}

// Whoever started it has gone.
const exit = (): never => process.exit(1)
process.on('disconnect', exit)
process.once('message', (plan: Plan) => main(plan))
