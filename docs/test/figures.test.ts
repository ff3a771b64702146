import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { REPOSITORY_ROOT } from '../.vitepress/paths.js'
import { pages } from './support/blocks.js'

/** As people write them: with thousands, or with decimals. Smaller ones may be anything. */
const FIGURE = /\b\d{1,3}(?:,\d{3})+\b|\b\d+\.\d+\b(?! (?:and|or) newer)/g

/** A link to a section of the page that holds what was measured. */
const QUOTES = /\(\.\.\/reliability\.md#/

// The figures of the benchmark are written into the pages by `pnpm bench:report`; these are quoted by hand.
it('finds every figure that is quoted from the reliability report in it', () => {
  const report = new Set(readFileSync(join(REPOSITORY_ROOT, 'docs/reliability.md'), 'utf8').match(FIGURE))
  const quoting = pages()
    .filter((page) => page.startsWith('docs/'))
    .flatMap((page) =>
      readFileSync(join(REPOSITORY_ROOT, page), 'utf8')
        .split(/\n(?=## )/)
        .filter((section) => QUOTES.test(section))
        .map((section) => [page, section] as const),
    )
  const strange = quoting.flatMap(([page, section]) =>
    (section.match(FIGURE) ?? []).filter((figure) => !report.has(figure)).map((figure) => `${page}: ${figure}`),
  )
  expect(quoting.length).toBeGreaterThan(5)
  expect(strange).toEqual([])
})
