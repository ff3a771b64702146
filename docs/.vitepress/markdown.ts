import { existsSync, statSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import type { MarkdownRenderer } from 'vitepress'
import { DOCS, REPOSITORY, REPOSITORY_ROOT } from './paths.js'

type Token = ReturnType<MarkdownRenderer['parse']>[number]

/** Makes of the pages, which GitHub shows as they are, what the site wants: of links out of `docs`, and of pictures. */
export function adapt(markdown: MarkdownRenderer): void {
  // Before VitePress looks at links.
  markdown.core.ruler.push('otel-cache', ({ tokens, env }) => {
    for (const token of tokens) visit(token, env.path)
    for (const [index, token] of tokens.entries()) leaveBlank(token, tokens.slice(index, index + 3))
  })
}

function visit(token: Token, page: string): void {
  if (token.type === 'link_open') linkOut(token, page)
  if (token.type === 'html_block' || token.type === 'html_inline') token.content = themed(token.content)
  for (const child of token.children ?? []) visit(child, page)
}

/** A header cell without text heads nothing. */
function leaveBlank(token: Token, [, text, close]: readonly Token[]): void {
  if (token.type !== 'th_open' || text?.content !== '' || close === undefined) return
  token.tag = 'td'
  close.tag = 'td'
}

function linkOut(token: Token, page: string): void {
  const href = token.attrGet('href')
  if (href !== null) token.attrSet('href', outside(href, page) ?? href)
}

/** The repository's address of a file that is no page of the site. Throws where there is no such file. */
export function outside(href: string, page: string): string | undefined {
  if (/^([a-z][a-z\d+.-]*:|#|\/)/i.test(href)) return undefined
  const [path = '', anchor] = href.split('#')
  const file = resolve(dirname(page), decodeURIComponent(path))
  if (file.startsWith(DOCS) && file.endsWith('.md')) return undefined
  if (!existsSync(file)) throw new Error(`${relative(REPOSITORY_ROOT, page)}: there is no ${href}`)
  const kind = statSync(file).isDirectory() ? 'tree' : 'blob'
  return `${REPOSITORY}/${kind}/main/${relative(REPOSITORY_ROOT, file)}${anchor === undefined ? '' : `#${anchor}`}`
}

const PICTURE =
  /<picture>\s*<source [^>]*dark[^>]*srcset="([^"]+)"[^>]*>\s*<img ([^>]*?)src="([^"]+)"([^>]*)>\s*<\/picture>/g

/** GitHub goes by what the system prefers, the site by its own switch: so each picture is there twice. */
function themed(html: string): string {
  return html.replace(PICTURE, (_, dark: string, before: string, light: string, after: string) => {
    const image = (theme: string, source: string) =>
      `<img ${before}src="${beside(source)}"${after} class="${theme}" loading="lazy">`
    // Scrolls where it is narrow, which the keyboard must be able to do as well.
    return `<div class="picture" tabindex="0">${image('in-light', light)}${image('in-dark', dark)}</div>`
  })
}

/** Vite takes for an asset only what begins with a dot. */
function beside(source: string): string {
  return source.startsWith('.') ? source : `./${source}`
}

/** Anchors as GitHub makes them, so that links hold in both places. */
export function slugify(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-')
}
