import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { alertingRules, guideText, RULES_FILE, RULES_TEST_FILE, recordingRules, rulesText } from './files.js'

function promtool(...args: string[]): void {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' })
  expect(status, stdout + stderr).toBe(0)
}

test('promtool has nothing to say against the rules', () => {
  promtool('check', 'rules', '--lint=all', '--lint-fatal', RULES_FILE)
})

test('promtool finds every alert firing when it should, and only then', () => {
  promtool('test', 'rules', RULES_TEST_FILE)
})

test('the rules survive releases', () => {
  expect(rulesText).not.toMatch(/otel_scope|le="/)
})

test.each(recordingRules)('$record is called level:metric:operations', ({ record, expr }) => {
  expect(record).toMatch(/^job_cache:redis_cache_\w+:\w+$/)
  expect(expr).toMatch(/by \(job, cache|^job_cache:/)
})

interface Case {
  readonly alertname: string
  readonly exp_alerts: readonly unknown[]
}

const cases: Case[] = parse(readFileSync(RULES_TEST_FILE, 'utf8')).tests.flatMap(
  (one: { alert_rule_test: Case[] }) => one.alert_rule_test,
)

test.each(alertingRules)('$alert says what to do, and its test has all cases', ({ alert, annotations }) => {
  expect(Object.keys(annotations)).toEqual(['summary', 'description', 'runbook_url'])
  const anchor = annotations['runbook_url']?.split('docs/monitoring.md#')[1]
  expect(anchor).toBe(alert.toLowerCase())
  expect(guideText).toMatch(new RegExp(`^### ${alert}$`, 'm'))
  const firing = cases.filter(({ alertname }) => alertname === alert).map(({ exp_alerts }) => exp_alerts.length > 0)
  // Not yet, then for as long as it is bad, then no more.
  expect(firing.join()).toMatch(/^false(,true)+,false$/)
})
