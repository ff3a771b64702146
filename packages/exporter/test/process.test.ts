import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { ask } from './helpers.js'

const program = `
  import { MeterProvider } from '@opentelemetry/sdk-metrics'
  import { createPrometheusReader, startPrometheusExporter } from '@otel-cache/exporter'
`

/** Runs the built package in a Node of its own. A process that does not end by itself fails the test by its timeout. */
function run(rest: string) {
  const args = ['--input-type=module', '--eval', program + rest]
  const child = spawn(process.execPath, args, { cwd: new URL('..', import.meta.url) })
  child.stderr.pipe(process.stderr)
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

test('a process ends by itself while its port is open', async () => {
  const child = run('await startPrometheusExporter({ port: 0 })')
  expect(await once(child, 'close')).toEqual([0, null])
})

test('a process ends by itself while a scraper keeps its connection', async () => {
  const child = run(`
    const { url } = await startPrometheusExporter({ port: 0 })
    const work = setInterval(() => {}, 1_000)
    process.stdin.once('data', () => { clearInterval(work); process.stdin.destroy() })
    console.log(url)
  `)
  const [url] = await once(child.stdout, 'data')
  const agent = new Agent({ keepAlive: true })
  const scraping = setInterval(() => ask(String(url).trim(), { agent }).catch(() => {}), 200)
  try {
    await ask(String(url).trim(), { agent })
    child.stdin.write('end')
    expect(await once(child, 'close')).toEqual([0, null])
  } finally {
    clearInterval(scraping)
    agent.destroy()
  }
})

test('a process ends by itself after passwords have been compared', async () => {
  const child = run(`
    const alice = '$2b$04$${'.'.repeat(53)}'
    const { url } = await startPrometheusExporter({ port: 0, basicAuthUsers: { alice } })
    const response = await fetch(url, { headers: { authorization: 'Basic ' + btoa('alice:wrong') } })
    console.log(response.status)
  `)
  const [said] = await once(child.stdout, 'data')
  expect(String(said)).toBe('401\n')
  expect(await once(child, 'close')).toEqual([0, null])
})

test('a reader whose port is in use neither ends nor disturbs the process', async () => {
  const child = run(`
    const exporter = await startPrometheusExporter({ port: 0 })
    const reader = createPrometheusReader(exporter.address())
    new MeterProvider({ readers: [reader] })
    await reader.listening.catch((error) => console.log(error.code))
  `)
  const [said] = await once(child.stdout, 'data')
  expect(String(said)).toBe('EADDRINUSE\n')
  expect(await once(child, 'close')).toEqual([0, null])
})

test('close() as the last thing of a program', async () => {
  const child = run(`
    const exporter = await startPrometheusExporter({ port: 0 })
    await (await fetch(exporter.url)).text()
    await exporter.close()
    console.log('closed')
  `)
  const [said] = await once(child.stdout, 'data')
  expect(String(said)).toBe('closed\n')
  expect(await once(child, 'close')).toEqual([0, null])
})
