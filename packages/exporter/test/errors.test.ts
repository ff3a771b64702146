import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as api from '../src/index.js'

const program = fileURLToPath(new URL('cluster-refusals-program.js', import.meta.url))

/** What a worker is refused with by a primary that does so; it comes from another process, as an object. */
async function refusedByPrimary(how: string): Promise<unknown> {
  const child = fork(program, [how], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  onTestFinished(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const [error] = await once(child, 'message')
  return error
}

describe.concurrent('every class of the family', () => {
  test('is here', ({ expect }) => {
    const classes = Object.keys(api).filter((name) => name.endsWith('Error') && name !== 'isExporterError')
    expect(classes.sort()).toEqual(['ExporterError', 'ExporterOptionError', 'NoPrimaryError', 'NotListeningError'])
  })

  test('ExporterOptionError', async ({ expect }) => {
    const error = await api.startPrometheusExporter({ port: -1 }).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(api.ExporterOptionError)
    expect(error).toMatchObject({ name: 'ExporterOptionError', code: 'ERR_EXPORTER_INVALID_OPTION' })
  })

  test('NotListeningError, where the application has a server of its own', async ({ expect }) => {
    const reader = api.createPrometheusReader({ preventServerStart: true })
    const provider = new MeterProvider({ readers: [reader] })
    const error = await reader.listening.catch((error: unknown) => error)
    await provider.shutdown()
    expect(error).toBeInstanceOf(api.ExporterError)
    expect(error).toMatchObject({ name: 'NotListeningError', code: 'ERR_EXPORTER_NOT_LISTENING' })
  })

  test('NotListeningError, in a worker whose primary has', async ({ expect }) => {
    expect(await refusedByPrimary('own server')).toMatchObject({
      name: 'NotListeningError',
      code: 'ERR_EXPORTER_NOT_LISTENING',
      message: expect.stringContaining('a server of its own'),
    })
  })

  // It waits for the primary as long as a worker does: ten seconds.
  test('NoPrimaryError, in a worker whose primary serves no metrics', async ({ expect }) => {
    expect(await refusedByPrimary('nothing')).toMatchObject({
      name: 'NoPrimaryError',
      code: 'ERR_EXPORTER_NO_PRIMARY',
      message: expect.stringContaining('`cluster: true`'),
      cause: 'DeadlineError',
    })
  })
})

test.each([[new Error('x')], [null], ['ERR_EXPORTER_X'], [{ code: 'ERR_EXPORTER_X' }], [{}]])(
  'isExporterError is false for %s',
  (error) => {
    expect(api.isExporterError(error)).toBe(false)
  },
)
