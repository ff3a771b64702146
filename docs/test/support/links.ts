import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { slugify } from '../../.vitepress/markdown.js'
import { REPOSITORY_ROOT } from '../../.vitepress/paths.js'
import { built, DIST } from './site.js'

/** The links and anchors between the built pages that lead nowhere. */
export function deadLinksOfSite(): string[] {
  const anchors = new Map(built('.html').map((page) => [page, new Set(attributes(page, 'id'))]))
  const isDead = (page: string, href: string): boolean => {
    if (isElsewhere(href)) return false
    const { pathname, hash } = new URL(href, `http://site${page}`)
    const path = decodeURIComponent(pathname.endsWith('/') ? `${pathname}index.html` : pathname)
    if (!existsSync(join(DIST, path))) return true
    return hash !== '' && !anchors.get(path)?.has(decodeURIComponent(hash.slice(1)))
  }
  return [...anchors.keys()].flatMap((page) => {
    const links = new Set(attributes(page, 'href'))
    return [...links].filter((href) => isDead(page, href)).map((href) => `${page}: ${href}`)
  })
}

function attributes(page: string, name: string): string[] {
  const html = readFileSync(join(DIST, page), 'utf8').replace(/<script[\s\S]*?<\/script>/g, '')
  const found = html.matchAll(new RegExp(`\\s${name}="([^"]*)"`, 'g'))
  return [...found].map(([, value = '']) => value.replaceAll('&amp;', '&'))
}

/** The same of a page that is no part of the site. */
export function deadLinksOfReadme(page: string): string[] {
  return linksOf(page)
    .filter((href) => !isElsewhere(href) && !leads(page, href))
    .map((href) => `${page}: ${href}`)
}

function leads(page: string, href: string): boolean {
  const [path = '', anchor] = href.split('#')
  const target = path === '' ? page : posix.join(dirname(page), path)
  if (!existsSync(join(REPOSITORY_ROOT, target))) return false
  return anchor === undefined || !target.endsWith('.md') || anchorsOf(target).has(anchor)
}

function linksOf(page: string): string[] {
  return [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, href = '']) => href)
}

function anchorsOf(page: string): Set<string> {
  const text = readFileSync(join(REPOSITORY_ROOT, page), 'utf8').replace(/^```[\s\S]*?^```/gm, '')
  return new Set([...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => slugify(heading)))
}

/** Without what stands in code. */
function proseOf(page: string): string {
  const text = readFileSync(join(REPOSITORY_ROOT, page), 'utf8')
  return text.replace(/^```[\s\S]*?^```|^ {4}.*|(?<!\[)`[^`\n]*`(?!\])/gm, 'code')
}

function isElsewhere(href: string): boolean {
  return /^[a-z]+:/i.test(href)
}
