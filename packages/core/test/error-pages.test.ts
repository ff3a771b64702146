import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ERRORS } from '../src/telemetry/names.js'

// Each code is a promise that its page can be found: what the packages tell and what the documentation explains are held
// together here.
const ROOT = new URL('../../../', import.meta.url)
const PAGES = new URL('docs/errors/', ROOT)

const CODE = /\b(?:ERR_(?:CACHE|EXPORTER)|OTEL_CACHE)_[A-Z_]*[A-Z]\b/g

const SOURCES = ['packages/core/src/', 'packages/exporter/src/'].flatMap((folder) =>
  readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({ name: folder + name, text: readFileSync(new URL(folder + name, ROOT), 'utf8') })),
)
const codes = [...new Set(SOURCES.flatMap(({ text }) => text.match(CODE) ?? []))].sort()
const pageOf = (code: string) => `${code.toLowerCase().replaceAll('_', '-')}.md`

test('every code has a page, and every page a code', () => {
  const others = ['index.md', 'error-types.md']
  const pages = readdirSync(PAGES).filter((name) => !others.includes(name))
  expect(pages.sort()).toEqual(codes.map(pageOf).sort())
})

test.each(codes)('%s: its page is headed by it, and the index has a row that leads there', (code) => {
  expect(readFileSync(new URL(pageOf(code), PAGES), 'utf8')).toMatch(new RegExp(`^# ${code}$`, 'm'))
  const rows = readFileSync(new URL('index.md', PAGES), 'utf8').split('\n')
  expect(rows.filter((row) => row.includes(`| [\`${code}\`](${pageOf(code)}) |`))).toHaveLength(1)
})

test('the pages speak of no code that nobody tells', () => {
  const spoken = readdirSync(PAGES).flatMap((name) => readFileSync(new URL(name, PAGES), 'utf8').match(CODE) ?? [])
  expect([...new Set(spoken)].sort()).toEqual(codes)
})

test('nothing is told through diag without a code', () => {
  const told = SOURCES.flatMap(({ name, text }) =>
    [...text.matchAll(/\bdiag\.(?:error|warn|info)\(([^,)]*)/g)].map(([, said = '']) => ({ name, said })),
  )
  expect(told.length).toBeGreaterThan(15)
  // One text has two codes, which is handed on to it.
  expect(told.filter(({ said }) => !/\[(?:OTEL_CACHE_[A-Z_]+|\$\{code\})\]['`]$/.test(said.trim()))).toEqual([])
})

test('every error_type has a section, and every section but one a type', () => {
  const sections = readFileSync(new URL('error-types.md', PAGES), 'utf8').match(/(?<=^## ).*$/gm)
  expect(sections).toEqual([...(ERRORS.attributes['error_type'] ?? []), 'Skipped'])
})
