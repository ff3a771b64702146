import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseSamples, scrape, total } from '../src/demo/scrape.js'
import { startOnFreePorts } from '../src/demo/start.js'
import type { SearchResult } from '../src/search.js'
import { type PatternService, startPatternService } from '../src/service.js'

describe('the pattern service', () => {
  let service: PatternService
  beforeAll(async () => {
    service = await startPatternService({ port: 0, metricsPort: 0 })
  })
  afterAll(() => service.close())

  test('answers a search, and the same from the cache', async () => {
    const first = await fetch(`${service.url}/patterns?q=Q%3F%3Fen`)
    expect(first.status).toBe(200)
    expect(first.headers.get('content-type')).toBe('application/json')
    const found = (await first.json()) as SearchResult
    expect(found).toMatchObject({ pattern: 'q??en', exact: 1, matches: expect.any(Array) })
    expect(found.matches[0]).toEqual({ word: 'queen', distance: 0 })

    // Question marks need no escape in a query.
    const second = await fetch(`${service.url}/patterns?q=q??en`)
    expect(await second.json()).toEqual(found)
    const samples = await scrape(service.metricsUrl)
    expect(total('redis_cache_misses_total', samples)).toBe(1)
    expect(total('redis_cache_hits_total', samples)).toBe(1)
  })

  test.each([
    ['', 'q is missing'],
    ['?p=a', 'q is missing'],
    ['?q=', 'q is empty'],
    [`?q=${'a'.repeat(33)}`, 'q is too long'],
    ['?q=a+b', 'q may hold'],
    ['?q=%FF', 'q may hold'],
    ['?q=%', 'q may hold'],
  ])('answers 400 to /patterns%s', async (query, message) => {
    const response = await fetch(`${service.url}/patterns${query}`)
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error: expect.stringContaining(message) })
  })

  test('answers 404 to everything else', async () => {
    expect((await fetch(`${service.url}/`)).status).toBe(404)
    expect((await fetch(`${service.url}/pattern?q=a`)).status).toBe(404)
    expect(await statusOf(service.url, '//')).toBe(404)
    expect((await fetch(`${service.url}/patterns?q=a`, { method: 'POST' })).status).toBe(404)
  })
})

test('a port that is taken is replaced by a free one, and said', async () => {
  const first = await startPatternService({ port: 0, metricsPort: 0 })
  const port = Number(new URL(first.url).port)
  const metricsPort = Number(new URL(first.metricsUrl).port)
  await expect(startPatternService({ port, metricsPort: 0 })).rejects.toMatchObject({ code: 'EADDRINUSE' })

  const said: string[] = []
  const second = await startOnFreePorts({ port, metricsPort }, (line) => said.push(line))
  expect(said).toEqual([metricsPort, port].map((taken) => `Port ${taken} is taken: using a free one`))
  expect((await fetch(second.metricsUrl)).status).toBe(200)
  expect((await fetch(`${second.url}/patterns`)).status).toBe(400)
  await second.close()
  await first.close()
  await expect(fetch(second.url)).rejects.toThrow()
  await expect(fetch(second.metricsUrl)).rejects.toThrow()
})

test('samples are read as Prometheus writes them', () => {
  const text = '# TYPE a counter\na 1\nb{x="} 7",y="\\""} 2.5\nc{le="+Inf"} 3 1700000000000\n\n'
  expect(parseSamples(text).map(({ name, value }) => [name, value])).toEqual([
    ['a', 1],
    ['b', 2.5],
    ['c', 3],
  ])
})

/** With a target that `fetch` would tidy up. */
function statusOf(url: string, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { path }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end()
  })
}
