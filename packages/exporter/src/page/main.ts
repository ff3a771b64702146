import { CacheSection } from './cache-section.js'
import { byId, setText } from './dom.js'
import { clock } from './format.js'
import { History } from './history.js'
import { Overview } from './overview.js'
import { type Answer, Poller } from './poller.js'
import { parseSamples } from './samples.js'

/** So many caches are open at first; drawing all of a hundred would keep a browser busy. */
const OPEN_AT_FIRST = 4

const [status, updated, empty, caches] = [byId('status'), byId('updated'), byId('empty'), byId('caches')]
const operation = byId('operation') as HTMLSelectElement
const pause = byId('pause') as HTMLButtonElement
const history = new History()
const overview = new Overview()
const sections = new Map<string, CacheSection>()
let made = 0

byId('overview').append(overview.element)

function draw(): void {
  const known = history.caches()
  for (const [name, section] of sections) {
    if (known.has(name)) continue
    section.remove()
    sections.delete(name)
  }
  for (const [index, [name, points]] of [...known].entries()) {
    const section = sections.get(name) ?? add(name)
    const there = caches.children[index] ?? null
    // Moved only where it must be: that would take the focus away.
    if (there !== section.element) caches.insertBefore(section.element, there)
    section.show(points, operation.value)
  }
  overview.show(known, operation.value, (name) => sections.get(name)?.id ?? '')
  byId('overview').hidden = known.size === 0
  empty.hidden = known.size > 0 || !updated.textContent
}

function add(name: string): CacheSection {
  const section = new CacheSection(name, `cache-${made++}`, sections.size < OPEN_AT_FIRST)
  sections.set(name, section)
  return section
}

function tell(answer: Answer): void {
  if (answer.kind === 'scrape') {
    const now = Date.now() / 1_000
    history.add(now, parseSamples(answer.text, 'redis_cache_'))
    setText(updated, `updated ${clock(now)}`)
    draw()
  }
  if (!isPaused()) say(answer.kind, words(answer))
}

/** The status is read out when it changes, so it changes only when something has happened. */
function say(state: string, text: string): void {
  document.body.dataset['state'] = state
  setText(status, text)
}

function isPaused(): boolean {
  return pause.ariaPressed === 'true'
}

function words(answer: Answer): string {
  switch (answer.kind) {
    case 'scrape':
      return 'Live'
    case 'refused':
      return `The port answers ${answer.status}: ${answer.why}. Trying again.`
    case 'unreachable':
      return 'The port does not answer. Trying again.'
  }
}

// Beside the page, whatever is before them; without a password that may be in the address, which fetch refuses.
const metrics = new URL('metrics', `${location.origin}${location.pathname}`)
const poller = new Poller(metrics, tell)
poller.start()

pause.addEventListener('click', () => {
  pause.ariaPressed = String(!isPaused())
  if (isPaused()) {
    poller.stop()
    say('paused', 'Paused')
  } else {
    say('asking', 'Asking')
    poller.start()
  }
})
operation.addEventListener('change', draw)
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const section of sections.values()) section.redraw()
})
