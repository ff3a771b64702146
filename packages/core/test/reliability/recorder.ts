import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { startRedis } from '@otel-cache/test-servers'
import type { Reporter } from 'vitest/node'
import { render } from './render.js'
import { DOCUMENT, keyOf, keysOf, type Outage, RESULTS, type Results, type Row } from './results.js'
import { SUITE } from './suite.js'

/** Writes down what the tests have left, once all of them have passed: `vitest run --reporter THIS`. */
export default class Recorder implements Reporter {
  async onTestRunEnd(...[modules, , reason]: Parameters<NonNullable<Reporter['onTestRunEnd']>>): Promise<void> {
    const metas = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.meta()))
    const found = new Map(metas.flatMap(({ row }) => (row === undefined ? [] : [[keyOf(row), row] as const])))
    const faults = SUITE.flatMap(({ faults }) => faults.flatMap(keysOf)).map((key) => found.get(key))
    if (reason !== 'passed' || faults.includes(undefined)) {
      console.log('Nothing is recorded: not every fault was gone through as promised.')
      return
    }
    const results: Results = {
      machine: { node: process.versions.node, redis: await redisVersion(), cpus: cpus().length, date: today() },
      faults: faults as Row[],
      outages: metas.map(({ outage }) => outage).filter((outage): outage is Outage => outage !== undefined),
    }
    mkdirSync(new URL('.', RESULTS), { recursive: true })
    writeFileSync(RESULTS, `${JSON.stringify(results, undefined, 2)}\n`)
    writeFileSync(DOCUMENT, render(results))
  }
}

async function redisVersion(): Promise<string> {
  const server = await startRedis()
  const info = String(await server.command('INFO', 'server'))
  await server.stop()
  return /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown'
}

function today(): string {
  return new Date().toISOString().slice(0, 10)
}
