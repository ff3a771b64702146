import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { gzip as gzipWithCallback } from 'node:zlib'
import { diag } from '@opentelemetry/api'
import type { Authentication } from '../security/authentication.js'
import { acceptsGzip } from './negotiate.js'
import type { Route } from './port.js'
import { methodReply, type Reply, send } from './reply.js'

const gzip = promisify(gzipWithCallback)

const TYPES = { html: 'text/html', css: 'text/css', js: 'text/javascript' } as const
type Kind = keyof typeof TYPES

/** What is read from the disk once, when somebody first looks. */
interface Asset {
  readonly kind: Kind
  readonly text: string
  readonly zipped: Uint8Array
  readonly etag: string
}

/**
 * A page that asks the port for the metrics and draws them. It keeps what it has seen in the browser, so nothing is
 * spent while nobody looks. It wants the credentials that the metrics want.
 */
export class Page {
  readonly #authentication: Authentication
  #assets: Promise<ReadonlyMap<string, Asset>> | undefined

  constructor(authentication: Authentication) {
    this.#authentication = authentication
  }

  /** The document, at the root: relative addresses lead to what it needs, also behind a proxy's prefix. */
  readonly document: Route = (request, response) => {
    void this.#answer(request, response, async () => {
      const { text } = (await this.#asset('index.html')) as Asset
      const nonce = randomBytes(16).toString('base64')
      const body = text.replaceAll('NONCE', nonce)
      const headers = { ...headersOf('html'), 'Content-Security-Policy': policy(nonce), 'Cache-Control': 'no-store' }
      return acceptsGzip(request.headers['accept-encoding'])
        ? gzipped(headers, await gzip(body))
        : { status: 200, headers, body }
    })
  }

  /** Its scripts and styles. */
  readonly file: Route = (request, response) => {
    void this.#answer(request, response, async () => {
      const name = /([^/?]*)(\?|$)/.exec(request.url ?? '')?.[1] ?? ''
      const asset = await this.#asset(name)
      // The document is at the root alone, where it comes with its policy.
      if (asset === undefined || asset.kind === 'html') return { status: 404, body: 'not found\n' }
      // Looked after each time, and sent again only after an update of the package.
      const headers = { ...headersOf(asset.kind), 'Cache-Control': 'private, no-cache', ETag: asset.etag }
      if (request.headers['if-none-match'] === asset.etag) return { status: 304, headers, body: '' }
      const { text, zipped } = asset
      return acceptsGzip(request.headers['accept-encoding'])
        ? gzipped(headers, zipped)
        : { status: 200, headers, body: text }
    })
  }

  async #answer(request: IncomingMessage, response: ServerResponse, page: () => Promise<Reply>): Promise<void> {
    try {
      send(response, (await this.#authentication.refuse(request)) ?? methodReply(request) ?? (await page()))
    } catch (error) {
      diag.error(
        'otel-cache: the page could not be read; a bundle does not carry its files [OTEL_CACHE_PAGE_NOT_READ]',
        error,
      )
      send(response, { status: 503, body: "the page could not be read; OpenTelemetry's diag logger was told why\n" })
    }
  }

  async #asset(name: string): Promise<Asset | undefined> {
    this.#assets ??= readAssets().catch((error: unknown) => {
      this.#assets = undefined
      throw error
    })
    return (await this.#assets).get(name)
  }
}

function gzipped(headers: OutgoingHttpHeaders, body: Uint8Array): Reply {
  return { status: 200, headers: { ...headers, 'Content-Encoding': 'gzip' }, body }
}

/** Nothing but what comes with the page runs, and nothing is asked but this port. */
function policy(nonce: string): string {
  return [
    `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; connect-src 'self'; img-src data:`,
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "require-trusted-types-for 'script'; trusted-types 'none'",
  ].join('; ')
}

function headersOf(kind: Kind): Record<string, string> {
  return {
    'Content-Type': `${TYPES[kind]}; charset=utf-8`,
    Vary: 'Accept-Encoding',
    'Referrer-Policy': 'no-referrer',
  }
}

/** The same folders whether this file runs from `src` or from `dist`. The chart library is read where it is installed. */
async function readAssets(): Promise<ReadonlyMap<string, Asset>> {
  const [source, built] = ['../../src/page/', '../../dist/page/'].map((path) => new URL(path, import.meta.url)) as [
    URL,
    URL,
  ]
  const scripts = (await readdir(built)).filter((name) => name.endsWith('.js'))
  const { resolve } = createRequire(import.meta.url)
  const files: [name: string, file: URL | string][] = [
    ['index.html', new URL('index.html', source)],
    ['page.css', new URL('page.css', source)],
    ['uplot.css', resolve('uplot/dist/uPlot.min.css')],
    ['uplot.js', resolve('uplot/dist/uPlot.iife.min.js')],
    ...scripts.map((name): [string, URL] => [name, new URL(name, built)]),
  ]
  return new Map(await Promise.all(files.map(async ([name, file]) => [name, await readAsset(name, file)] as const)))
}

async function readAsset(name: string, file: URL | string): Promise<Asset> {
  const text = await readFile(file, 'utf8')
  const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`
  return { kind: name.slice(name.lastIndexOf('.') + 1) as Kind, text, zipped: await gzip(text), etag }
}
