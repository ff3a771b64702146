import { describe, expect, test } from 'vitest'
import { acceptsGzip, negotiateFormat } from '../src/port/negotiate.js'

const PROMETHEUS_2 =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
const PROMETHEUS_3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1'
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

describe('Accept', () => {
  test.each([
    [undefined, 'text'],
    ['', 'text'],
    [PROMETHEUS_2, 'openmetrics'],
    [PROMETHEUS_3, 'openmetrics'],
    [BROWSER, 'text'],
    ['*/*', 'text'],
    ['application/openmetrics-text', 'openmetrics'],
    ['Application/OpenMetrics-Text; Version="1.0.0"', 'openmetrics'],
    ['application/openmetrics-text;version=0.0.1', 'text'],
    ['application/openmetrics-text;version=2.0.0;q=1, text/plain;q=0.1', 'text'],
    ['application/openmetrics-text;q=0.5, text/plain;q=0.9', 'text'],
    ['application/openmetrics-text;q=0.5, text/plain;q=0.5', 'text'],
    ['application/openmetrics-text;q=0, */*', 'text'],
    ['text/plain;q=0, */*;q=0.1', 'openmetrics'],
    ['text/*;q=0.1, application/*', 'openmetrics'],
    ['application/openmetrics-text;q=much, text/plain;q=0.1', 'text'],
    ['application/openmetrics-text;q=7', 'text'],
    ['application/openmetrics-text;q=-1', 'text'],
    ['image/png', 'text'],
    [',;,;;q=,=', 'text'],
    [`${'a'.repeat(30_000)},${','.repeat(30_000)}${';q'.repeat(2_000)}`, 'text'],
  ])('%.60s: %s', (accept, format) => {
    expect(negotiateFormat(accept)).toBe(format)
  })
})

describe('Accept-Encoding', () => {
  test.each([
    [undefined, false],
    ['', false],
    ['gzip', true],
    ['deflate, GZIP;q=0.5', true],
    ['gzip;q=0', false],
    ['*', true],
    ['*;q=0', false],
    ['gzip;q=0, *', false],
    ['identity', false],
    ['xgzip', false],
  ])('%s: %s', (acceptEncoding, expected) => {
    expect(acceptsGzip(acceptEncoding)).toBe(expected)
  })
})
