import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments, stringify } from 'yaml'
import { type Block, blocks, place } from './support/blocks.js'
import { run } from './support/program.js'
import { wrongCommands } from './support/shell.js'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'otel-cache-docs-'))
})

afterAll(() => rm(folder, { recursive: true }))

describe('json', () => {
  it.each(named(blocks('json')))('%s parses', (_, { text }) => {
    JSON.parse(text)
  })
})

describe('yaml', () => {
  const all = blocks('yaml', 'yml')

  it.each(named(all))('%s parses', (_, { text }) => {
    expect(parseAllDocuments(text).flatMap(({ errors }) => errors)).toEqual([])
  })

  it.each(named(all.filter(({ text }) => /^groups:/m.test(text))))('%s is taken by promtool as rules', (_, { text }) =>
    checkRules(text),
  )
})

describe('promql', () => {
  it('is taken by promtool', async () => {
    // All in one file, because promtool takes a while to start; each by the name of its place.
    const rules = blocks('promql').flatMap((block) =>
      block.text
        .split(/\n\s*\n/)
        .map((expr, index) => ({ record: place(block).replace(/\W/g, '_'), expr, labels: { index: String(index) } })),
    )
    await checkRules(stringify({ groups: [{ name: 'docs', rules }] }))
  })
})

describe('sh', () => {
  it.each(named(blocks('sh', 'bash', 'shell')))('%s names commands and files that exist', (_, block) => {
    expect(wrongCommands(block)).toEqual([])
  })
})

function named(blocks: readonly Block[]) {
  return blocks.map((block) => [place(block), block] as const)
}

async function checkRules(text: string): Promise<void> {
  const file = join(folder, 'rules.yml')
  await writeFile(file, text)
  const { code, output } = await run('promtool', ['check', 'rules', file])
  expect(code, output).toBe(0)
}
