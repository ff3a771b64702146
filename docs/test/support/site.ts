import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { DOCS } from '../../.vitepress/paths.js'
import { run } from './program.js'

export const DIST: string = join(DOCS, '.vitepress/dist')

/** As `pnpm docs:build` does. Throws with what it said where that fails: for dead links, lost pages, bare exports. */
export async function buildSite(): Promise<void> {
  for (const [program, ...args] of [['typedoc/bin/typedoc'], ['vitepress/bin/vitepress.js', 'build']]) {
    const file = join(DOCS, 'node_modules', program ?? '')
    const { code, output } = await run(process.execPath, [file, ...args], { cwd: DOCS })
    if (code !== 0) throw new Error(output)
  }
}

/** The files of the built site that end so, as paths from its top. */
export function built(ending: string): string[] {
  const files = readdirSync(DIST, { recursive: true, encoding: 'utf8' })
  return files.filter((file) => file.endsWith(ending)).map((file) => `/${file}`)
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
}

export interface Served {
  readonly url: string
  stop(): void
}

/** Any static host: files as they are, nothing else. */
export async function serve(): Promise<Served> {
  const server = createServer(async ({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://localhost')
    const path = decodeURIComponent(pathname.endsWith('/') ? `${pathname}index.html` : pathname)
    try {
      const body = await readFile(join(DIST, path))
      response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' }).end(body)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = () => {
    server.close()
    server.closeAllConnections()
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop }
}
