import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Case, WARM_AFTER } from './group.js'
import { groups } from './groups.js'
import { measureWithMitata, type Slice, slicesOf } from './measure.js'
import { Stage } from './stage.js'
import type { Answer, Request } from './worker-process.js'

/** The process of one case: prepares it and warms it up, then does what it is asked for, one request after the other. */
async function main(group = '', name = '', redisUrl = '', warmUp = '', longest = ''): Promise<void> {
  const one = groups.find((each) => each.name === group)?.cases.find((each) => each.name === name)
  if (one === undefined) throw new Error(`no case is called '${name}' in '${group}'`)
  const stage = await Stage.open(redisUrl)
  const operation = await one.prepare(stage)
  const slice = slicesOf(one, operation)
  const storedBytes = await stage.storedBytes()
  stage.begin()
  await warmUpFor(Number(warmUp), Number(longest), slice, one)
  const answer = async (request: Request): Promise<Answer> => {
    if (request.kind === 'slice') return { kind: 'slice', duration: await slice(request.times) }
    if (request.kind === 'complaints') return { kind: 'complaints', complaints: await stage.complaints() }
    return { kind: 'mitata', stats: await measureWithMitata(one, operation, request.time) }
  }
  process.on('message', async (request: Request) => process.send?.(await answer(request)))
  process.send?.({ kind: 'ready', storedBytes } satisfies Answer)
}

/** For so many milliseconds; longer where the calls were too few until then. */
async function warmUpFor(duration: number, longest: number, slice: Slice, one: Case): Promise<void> {
  const { callers = 1, warmAfter = WARM_AFTER } = one
  const started = performance.now()
  const elapsed = (): number => performance.now() - started
  let calls = 0
  for (let times = callers; elapsed() < duration || (calls < warmAfter && elapsed() < longest); ) {
    calls += times
    if ((await slice(times)) < 10) times *= 2
    // So that it is noticed in time when whoever started this has gone.
    await nextTurn()
  }
}

// Whoever started it has gone.
process.on('disconnect', () => process.exit())
await main(...process.argv.slice(2))
