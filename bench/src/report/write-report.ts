import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { DOCS, readResults } from '../results.js'
import { drawCharts } from './charts.js'
import { renewed } from './document.js'

export const PAGE: URL = new URL('redis_cache_benchmark.md', DOCS)
/** The benchmark's own page, and those that quote it. */
export const PAGES: readonly URL[] = [
  PAGE,
  ...[
    'guide/what-it-is',
    'values',
    'migration/bentocache',
    'migration/cache-manager',
    'migration/cacheable',
    'migration/node-redis',
  ].map((page) => new URL(`../${page}.md`, DOCS)),
]
export const CHARTS: URL = new URL('charts/', DOCS)

/** Draws the charts of the committed results anew, and writes their figures into the pages. */
export async function writeReport(): Promise<void> {
  const results = readResults()
  const charts = await drawCharts(results)
  mkdirSync(CHARTS, { recursive: true })
  for (const former of readdirSync(CHARTS)) rmSync(new URL(former, CHARTS))
  for (const [file, svg] of charts) writeFileSync(new URL(file, CHARTS), svg)
  for (const page of PAGES) writeFileSync(page, renewed(readFileSync(page, 'utf8'), results))
}
