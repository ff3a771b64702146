import type { WriteStream } from 'node:tty'
import type { OnProgress } from './traffic.js'

const BAR_WIDTH = 30
const REDRAW_EVERY = 50

/** A bar that redraws itself, for a person at a terminal. */
export function progressBar(terminal: WriteStream): OnProgress {
  let drawnAt = 0
  return (label, done, total) => {
    const finished = done === total
    if (!finished && performance.now() - drawnAt < REDRAW_EVERY) return
    drawnAt = performance.now()
    const filled = Math.floor((done / total) * BAR_WIDTH)
    const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled)
    // Cut to the width of the terminal: a line that wraps could not be redrawn.
    const line = `${bar} ${done}/${total} ${label}`.slice(0, terminal.columns - 1)
    terminal.write(`\r\x1b[K${line}${finished ? '\n' : ''}`)
  }
}

/** A line for each part that is done, for a log. */
export function progressLines(say: (line: string) => void): OnProgress {
  return (label, done, total) => {
    if (done === total) say(`${done}/${total} ${label}`)
  }
}
