import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY_ROOT } from '../../.vitepress/paths.js'
import { pagesIn } from '../../.vitepress/sidebar.js'

/** A fenced code block, or an example of a docstring. */
export interface Block {
  /** From the top of the repository. */
  readonly file: string
  /** The line before its first one. */
  readonly line: number
  readonly language: string
  /** What stands behind the language. */
  readonly flags: readonly string[]
  readonly text: string
}

/** Every page that people read: those of the site, and the READMEs. */
export function pages(): string[] {
  const readmes = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'bench/README.md']
  for (const folder of ['packages', 'examples']) readmes.push(...readmesIn(folder))
  return [...pagesIn('').map((page) => `docs/${page}.md`), ...readmes].sort()
}

function readmesIn(folder: string): string[] {
  return readdirSync(join(REPOSITORY_ROOT, folder), { withFileTypes: true }).flatMap((file) => {
    const path = `${folder}/${file.name}`
    if (file.isDirectory()) return ['node_modules', 'dist'].includes(file.name) ? [] : readmesIn(path)
    return file.name === 'README.md' ? [path] : []
  })
}

/** By CommonMark, as far as this repository's pages go: fences of backticks or tildes, also in lists. */
export function blocksOf(file: string, text: string = read(file)): Block[] {
  const blocks: Block[] = []
  let open: { fence: string; indent: number; info: string; line: number; lines: string[] } | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^( *)(`{3,}|~{3,})\s*([^`]*)$/.exec(line)
    if (open === undefined) {
      const [, indent = '', marks = '', info = ''] = fence ?? []
      if (fence !== null) open = { fence: marks, indent: indent.length, info: info.trim(), line: index + 1, lines: [] }
    } else if (fence?.[2]?.startsWith(open.fence) && fence[3] === '') {
      const [language = '', ...flags] = open.info.split(/\s+/)
      blocks.push({ file, line: open.line, language, flags, text: open.lines.join('\n') })
      open = undefined
    } else open.lines.push(line.slice(Math.min(open.indent, line.length - line.trimStart().length)))
  }
  if (open !== undefined) throw new Error(`${file}:${open.line}: a code block that does not end`)
  return blocks
}

/** The blocks of all pages in one of these languages. */
export function blocks(...languages: readonly string[]): Block[] {
  return pages()
    .flatMap((file) => blocksOf(file))
    .filter(({ language }) => languages.includes(language))
}

const PACKAGES = ['packages/core/src', 'packages/exporter/src']

/** The examples of the docstrings, which the API reference shows. */
export function examples(): Block[] {
  return PACKAGES.flatMap((folder) => {
    const files = readdirSync(join(REPOSITORY_ROOT, folder), { recursive: true, encoding: 'utf8' })
    return files.filter((file) => file.endsWith('.ts')).flatMap((file) => examplesOf(`${folder}/${file}`))
  })
}

function examplesOf(file: string): Block[] {
  const text = read(file)
  return [...text.matchAll(/@example ?((?:(?!\n\s*\* @|\*\/)[\s\S])*)/g)].map((match) => {
    const line = text.slice(0, match.index).split('\n').length
    const lines = (match[1] ?? '').split('\n').map((line) => line.replace(/^\s*\* ?/, ''))
    return { file, line: line - 1, language: 'ts', flags: [], text: lines.join('\n').trimEnd() }
  })
}

function read(file: string): string {
  return readFileSync(join(REPOSITORY_ROOT, file), 'utf8')
}

export function place({ file, line }: Block): string {
  return `${file}:${line + 1}`
}
