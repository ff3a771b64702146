import { describe, expect, test } from 'vitest'
import { dashboardText } from '../src/dashboard-file.js'
import { dashboard, dashboardFileText, panelExpressions, panels, referenceText } from './files.js'

test('docs/monitoring/dashboard.json is what src says', () => {
  const command = 'run: pnpm --filter @otel-cache/operations generate'
  expect(dashboardFileText === dashboardText(), command).toBe(true)
})

test('shows every metric of the reference', () => {
  const metrics = [...referenceText.matchAll(/^### (\w+)$/gm)].map(([, name = '']) => name)
  const all = panelExpressions.map(([, expression]) => expression).join('\n')
  expect(metrics.length).toBeGreaterThan(10)
  expect(metrics.filter((metric) => !all.includes(metric))).toEqual([])
})

test('asks the data source that is chosen, for the jobs and caches that are chosen', () => {
  expect(dashboard.templating?.list?.map(({ name }) => name)).toEqual(['datasource', 'job', 'cache'])
  for (const { datasource } of panels) expect(datasource).toEqual({ type: 'prometheus', uid: `\${datasource}` })
})

describe.each(panels.map((panel, index) => [index, panel.title, panel] as const))('panel %d, %s,', (_, __, panel) => {
  test('says what it means, in a unit', () => {
    expect(panel.description).toMatch(/\w.*[.]$/)
    expect(panel.fieldConfig?.defaults.unit).toBeTypeOf('string')
    expect(panel.fieldConfig?.defaults.thresholds?.steps.length).toBeGreaterThan(0)
  })

  test('lies on the grid', () => {
    const { x, w } = panel.gridPos ?? { x: 0, w: 0 }
    expect(w).toBeGreaterThan(0)
    expect(x + w).toBeLessThanOrEqual(24)
  })
})

test.each(panelExpressions)('%s aggregates by job and survives releases: %s', (_, expression) => {
  expect(expression).toMatch(/ by \(job, /)
  expect(expression).toContain('job=~"$job"')
  expect(expression).not.toMatch(/otel_scope|le="/)
})
