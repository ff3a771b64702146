import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import type { DefaultTheme } from 'vitepress'
import { FRAGMENTS, SECTIONS } from './pages.js'
import { DOCS } from './paths.js'

const API = 'api'
/** Folders without pages, and the generated one, which has an order of its own. */
const NO_PAGES = new Set(['node_modules', 'test', '.vitepress', API])

/** The names of all pages in a folder and below it, without `.md`. */
export function pagesIn(folder: string): string[] {
  return readdirSync(join(DOCS, folder), { withFileTypes: true }).flatMap((file) => {
    const path = folder === '' ? file.name : `${folder}/${file.name}`
    if (file.isDirectory()) return NO_PAGES.has(path) ? [] : pagesIn(path)
    return file.name.endsWith('.md') ? [path.slice(0, -'.md'.length)] : []
  })
}

/** What is wrong with the list of pages: none may be lost, and none invented. */
export function wrongPages(): string[] {
  const listed = [...SECTIONS.flatMap(({ pages }) => pages), ...FRAGMENTS, 'index']
  const there = new Set(pagesIn(''))
  return [
    ...[...there].filter((page) => !listed.includes(page)).map((page) => `docs/${page}.md is not in pages.ts`),
    ...listed.filter((page) => !there.has(page)).map((page) => `${page} of pages.ts has no docs/${page}.md`),
    ...listed.filter((page, index) => listed.indexOf(page) < index).map((page) => `${page} is twice in pages.ts`),
  ]
}

export function sidebar(): DefaultTheme.SidebarItem[] {
  const wrong = wrongPages()
  if (wrong.length > 0) throw new Error(wrong.join('\n'))
  return [...SECTIONS.map(section), { text: 'API reference', link: `/${API}/` }]
}

function section({ title, pages }: (typeof SECTIONS)[number]): DefaultTheme.SidebarItem {
  const items = pages.map((page) => ({ text: titleOf(page), link: `/${page}` }))
  const [only] = items
  return items.length === 1 && only !== undefined ? { ...only, text: title } : { text: title, items }
}

/** The `title` of a page's front matter, or its first heading. */
function titleOf(page: string): string {
  const text = readFileSync(join(DOCS, `${page}.md`), 'utf8')
  const title = /^---\n(?:.*\n)*?title: (.+)\n(?:.*\n)*?---\n/.exec(text)?.[1] ?? /^# (.+)$/m.exec(text)?.[1]
  if (title === undefined) throw new Error(`docs/${page}.md has neither a title nor a heading`)
  return title.replace(/^(['"])(.*)\1$/, '$2').replaceAll('`', '')
}

/** The API reference has its own, as TypeDoc has laid it out: a folder a module, with a folder a kind in it. */
export function apiSidebar(): DefaultTheme.SidebarItem[] {
  const root = join(DOCS, API)
  if (!existsSync(root)) throw new Error('docs/api is not there: `pnpm docs:build` makes it before the site')
  return [{ text: 'API reference', link: `/${API}/` }, ...modules(root).map(moduleItem)]
}

/** Those with an `index.md` below the root, the shortest names first: an entry point before what is below it. */
function modules(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(`${sep}index.md`))
    .map((file) =>
      relative(DOCS, join(root, file, '..'))
        .split(sep)
        .join('/'),
    )
    .sort()
}

const KINDS = ['functions', 'interfaces', 'type-aliases', 'classes', 'variables']

function moduleItem(path: string): DefaultTheme.SidebarItem {
  const items = KINDS.filter((kind) => existsSync(join(DOCS, path, kind))).flatMap((kind) =>
    readdirSync(join(DOCS, path, kind))
      .sort()
      .map((file) => file.slice(0, -'.md'.length))
      .map((name) => ({ text: name, link: `/${path}/${kind}/${name}` })),
  )
  return { text: path.slice(`${API}/`.length), link: `/${path}/`, items }
}
