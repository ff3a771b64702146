/** What came of asking the port. */
export type Answer =
  | { readonly kind: 'scrape'; readonly text: string }
  | { readonly kind: 'refused'; readonly status: number; readonly why: string }
  | { readonly kind: 'unreachable' }

/** Between an answer and the next question, in milliseconds: a port that is slow is asked less often. */
const INTERVAL = 2_000
const TIMEOUT = 10_000
const HEADERS = { Accept: 'text/plain;version=0.0.4', 'X-Prometheus-Scrape-Timeout-Seconds': String(TIMEOUT / 1_000) }

/** Asks the port again and again, one question at a time, and only while somebody can see the page. */
export class Poller {
  readonly #url: URL
  readonly #tell: (answer: Answer) => void
  #timer = 0
  #isStopped = true
  #isAsking = false

  constructor(url: URL, tell: (answer: Answer) => void) {
    this.#url = url
    this.#tell = tell
    document.addEventListener('visibilitychange', () => void this.#ask())
  }

  start(): void {
    this.#isStopped = false
    void this.#ask()
  }

  stop(): void {
    this.#isStopped = true
  }

  async #ask(): Promise<void> {
    clearTimeout(this.#timer)
    if (this.#isStopped || this.#isAsking || document.hidden) return
    this.#isAsking = true
    const answer = await ask(this.#url)
    this.#isAsking = false
    this.#timer = setTimeout(() => void this.#ask(), INTERVAL)
    this.#tell(answer)
  }
}

async function ask(url: URL): Promise<Answer> {
  try {
    const response = await fetch(url, { headers: HEADERS, cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT) })
    // The port has words for whatever happens: a page is a proxy's, with no metrics and much to read out.
    if (!response.headers.get('content-type')?.startsWith('text/plain')) {
      return { kind: 'refused', status: response.status, why: 'something in between answers for it' }
    }
    const text = await response.text()
    return response.ok ? { kind: 'scrape', text } : { kind: 'refused', status: response.status, why: text.trim() }
  } catch {
    return { kind: 'unreachable' }
  }
}
