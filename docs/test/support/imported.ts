import type { Block } from './blocks.js'

const PACKAGE: Readonly<Record<string, string>> = {
  createCache: '@otel-cache/core',
  entry: '@otel-cache/core',
  notModified: '@otel-cache/core',
  startPrometheusExporter: '@otel-cache/exporter',
  createPrometheusReader: '@otel-cache/exporter',
  MeterProvider: '@opentelemetry/sdk-metrics',
}

/** An example of a docstring with the imports that every reader of it knows. In its first line, so that lines still agree. */
export function imported(example: Block): Block {
  const missing = Object.entries(PACKAGE).filter(([name]) => {
    const isUsed = new RegExp(`\\b${name}\\(`).test(example.text)
    return isUsed && !new RegExp(`import .*\\b${name}\\b`).test(example.text)
  })
  const imports = missing.map(([name, from]) => `import { ${name} } from '${from}';`)
  return { ...example, text: imports.join(' ') + example.text }
}
