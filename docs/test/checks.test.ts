import { join } from 'node:path'
import { expect, it } from 'vitest'
import { outside, slugify } from '../.vitepress/markdown.js'
import { DOCS, REPOSITORY } from '../.vitepress/paths.js'
import { type Block, blocksOf } from './support/blocks.js'
import { compile } from './support/program.js'
import { wrongCommands } from './support/shell.js'

const PAGE = `# A page

\`\`\`ts
const age: number = await cache.get('age')
\`\`\`

- In a list:

  \`\`\`ts run
  export const user = await fetchUser(42)
  \`\`\`

~~~~sh
pnpm test && pnpm nonsense # pnpm neither
node scripts/nowhere.js docs/metrics.md
~~~~
`

const found = blocksOf('docs/page.md', PAGE)
const [wrong, right, shell] = found as [Block, Block, Block]

it('finds code blocks with their lines', () => {
  expect(found.map(({ language, flags, line }) => [language, flags, line])).toEqual([
    ['ts', [], 3],
    ['ts', ['run'], 9],
    ['sh', [], 13],
  ])
  expect(right.text).toBe('export const user = await fetchUser(42)')
  expect(() => blocksOf('docs/page.md', '```ts\nnever ends')).toThrow('docs/page.md:1')
})

it('tells what the compiler says by the line of the page', async () => {
  const program = await compile('planted', [wrong, right])
  expect(program.errorsOf(wrong)).toEqual([expect.stringMatching(/^docs\/page\.md:4:7: error TS2322/)])
  expect(program.errorsOf(right)).toEqual([])
})

it('tells scripts and files that are not there', () => {
  expect(wrongCommands(shell)).toEqual(['no script nonsense', 'no file scripts/nowhere.js'])
})

it('leads to the repository what is no page of the site, and refuses what is nowhere', () => {
  const page = join(DOCS, 'monitoring.md')
  expect(outside('metrics.md#spans', page)).toBeUndefined()
  expect(outside('https://redis.io/', page)).toBeUndefined()
  expect(outside('../README.md#what', page)).toBe(`${REPOSITORY}/blob/main/README.md#what`)
  expect(outside('monitoring', page)).toBe(`${REPOSITORY}/tree/main/docs/monitoring`)
  expect(() => outside('../nowhere.md', page)).toThrow('docs/monitoring.md: there is no ../nowhere.md')
})

it('makes the anchors that GitHub makes', () => {
  expect(slugify('1. Open the port')).toBe('1-open-the-port')
  expect(slugify('redis_cache_hits_total')).toBe('redis_cache_hits_total')
  expect(slugify('When Redis fails: what `true` means')).toBe('when-redis-fails-what-true-means')
})
