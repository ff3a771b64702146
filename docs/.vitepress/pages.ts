/** A group of the sidebar: its pages, in order, as paths below `docs` without `.md`. */
export interface Section {
  readonly title: string
  readonly pages: readonly string[]
}

/** Every page of the site, but for the home page and the generated API reference. What is not listed is refused. */
export const SECTIONS: readonly Section[] = [
  { title: 'Features', pages: ['values'] },
  { title: 'Monitoring', pages: ['monitoring', 'metrics'] },
  { title: 'Reliability', pages: ['reliability'] },
  { title: 'Performance', pages: ['performance/redis_cache_benchmark'] },
]

/** Parts that another page contains: not pages of the site. */
export const FRAGMENTS: readonly string[] = ['reliability/coherence']
