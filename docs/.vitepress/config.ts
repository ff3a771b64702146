import { defineConfig } from 'vitepress'
import { adapt, slugify } from './markdown.js'
import { FRAGMENTS, SECTIONS } from './pages.js'
import { REPOSITORY } from './paths.js'
import { promql } from './promql.js'
import { apiSidebar, sidebar } from './sidebar.js'

/** The sections that a reader goes to directly: no more than fit beside the search on a tablet. */
const AT_THE_TOP = ['Guide', 'Monitoring', 'Reliability']

const sections = SECTIONS.filter(({ title }) => AT_THE_TOP.includes(title))

export default defineConfig({
  title: 'otel-cache',
  description: 'A cache for Node.js over memory and Redis that tells the truth about itself through OpenTelemetry',
  lang: 'en',
  srcExclude: [...FRAGMENTS.map((page) => `${page}.md`), 'test/**'],
  cacheDir: './node_modules/.cache/vitepress',
  // What a reader is told to open on a machine of their own.
  ignoreDeadLinks: 'localhostLinks',
  markdown: {
    config: adapt,
    anchor: { slugify },
    languages: [promql],
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-default' },
  },
  // The theme gives every page but the home page a `main`. For who comes from another page: see theme/index.ts.
  transformHtml: (html) => html.replace('class="VPContent is-home"', 'class="VPContent is-home" role="main"'),
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: '/icon.svg' }]],
  themeConfig: {
    nav: [
      ...sections.map(({ title, pages: [first] }) => ({ text: title, link: `/${first}` })),
      { text: 'API', link: '/api/', activeMatch: '^/api/' },
      { text: 'GitHub', link: REPOSITORY },
    ],
    sidebar: { '/api/': apiSidebar(), '/': sidebar() },
    outline: { level: [2, 3] },
    search: { provider: 'local' },
    docFooter: { prev: 'Before', next: 'Next' },
  },
})
