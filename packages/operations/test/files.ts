import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Dashboard, Panel } from '@grafana/grafana-foundation-sdk/dashboard'
import { parse } from 'yaml'

const docs = new URL('../../../docs/', import.meta.url)

export const RULES_FILE = fileURLToPath(new URL('monitoring/rules.yml', docs))
export const RULES_TEST_FILE = fileURLToPath(new URL('monitoring/rules.test.yml', docs))

export const rulesText = read('monitoring/rules.yml')
export const guideText = read('monitoring.md')
export const referenceText = read('metrics.md')
export const dashboardFileText = read('monitoring/dashboard.json')

interface RecordingRule {
  readonly record: string
  readonly expr: string
}

export interface AlertingRule {
  readonly alert: string
  readonly expr: string
  readonly for: string
  readonly annotations: Readonly<Record<string, string>>
}

const rules = parse(rulesText).groups.flatMap((group: { rules: object[] }) => group.rules) as Array<
  RecordingRule | AlertingRule
>
export const recordingRules = rules.filter((rule): rule is RecordingRule => 'record' in rule)
export const alertingRules = rules.filter((rule): rule is AlertingRule => 'alert' in rule)

export const dashboard = JSON.parse(dashboardFileText) as Dashboard
export const panels = (dashboard.panels as Panel[]).filter(({ type }) => type !== 'row')

/** Each expression of the dashboard, by the panel that shows it. */
export const panelExpressions = panels.flatMap(({ title, targets = [] }) =>
  targets.map((target) => [title, (target as unknown as { expr: string }).expr] as [string, string]),
)

/** The expressions in the guide. */
export const guideExpressions = [...guideText.matchAll(/^```promql\n(.*?)^```/gms)].map(([, promql = '']) => promql)

function read(name: string): string {
  return readFileSync(new URL(name, docs), 'utf8')
}
