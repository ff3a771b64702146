import { createRequire } from 'node:module'
import { defineConfig } from 'vitest/config'
import base from './vitest.config.js'

const sdk3 = createRequire(new URL('./packages/otel-sdk-3/package.json', import.meta.url))

/** The suites that touch OpenTelemetry, on the other living line: SDK 3 with api 1.10. */
export default defineConfig({
  resolve: {
    alias: ['api', 'exporter-prometheus', 'sdk-metrics'].map((name) => ({
      find: new RegExp(`^@opentelemetry/${name}$`),
      replacement: sdk3.resolve(`@opentelemetry/${name}`),
    })),
  },
  test: {
    ...base.test,
    projects: undefined,
    include: [
      'packages/core/test/metrics.test.ts',
      'packages/exporter/test/{exporter,negotiate,reader,scrape,security,serialiser}.test.ts',
    ],
  },
})
