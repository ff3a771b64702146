import { fileURLToPath } from 'node:url'
import { startRedis } from '@otel-cache/test-servers'
import { beforeAll, describe, expect, it } from 'vitest'
import { blocks, examples, place } from './support/blocks.js'
import { imported } from './support/imported.js'
import { compile, type Program, run } from './support/program.js'

const DEADLINE = 20_000
const AMBIENT = fileURLToPath(new URL('support/ambient.js', import.meta.url))

const inPages = blocks('ts', 'js')
const all = [...inPages, ...examples().map(imported)]

let program: Program

beforeAll(async () => {
  program = await compile('blocks', all)
}, 120_000)

describe('compiles', () => {
  it.each(all.map((block) => [place(block), block] as const))('%s', (_, block) => {
    expect(program.errorsOf(block)).toEqual([])
  })
})

/**
 * Each in a process and with a Redis of its own: blocks give their caches the same names. Again where it failed, because on
 * a machine that has stopped Redis for more than `redisTimeout` a cache rightly does something else than the page says.
 */
describe('runs', { retry: 2, timeout: 2 * DEADLINE }, () => {
  const running = inPages.filter(({ flags }) => flags.includes('run'))

  it.each(running.map((block) => [place(block), block] as const))('%s', async (_, block) => {
    const redis = await startRedis()
    try {
      const { PATH, HOME } = process.env
      const env = { PATH, HOME, REDIS_URL: redis.url, OTEL_EXPORTER_PROMETHEUS_PORT: '0' }
      const args = ['--import', AMBIENT, program.moduleOf(block)]
      const { code, output } = await run(process.execPath, args, { env, timeout: DEADLINE })
      expect(code, `${place(block)} said:\n${output}`).toBe(0)
    } finally {
      await redis.stop()
    }
  })
})
