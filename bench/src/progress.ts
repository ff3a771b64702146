const WIDTH = 24

/** Tells a person at a terminal how far it has come, from 0 to 1, on a line that is overwritten. */
export function progress(done: number, text: string): void {
  if (!process.stderr.isTTY) return
  const filled = Math.round(Math.min(done, 1) * WIDTH)
  const line = `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${text}`
  // Cut to the width of the terminal: a line that wraps could not be overwritten.
  process.stderr.write(`\r\x1b[K${line.slice(0, process.stderr.columns - 1)}`)
}

/** Makes room for what is printed. */
export function noProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
}
