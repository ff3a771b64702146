/** The levels of each factor. */
export type Factors = Readonly<Record<string, readonly string[]>>

/** One level of each factor. */
export type CombinationOf<F extends Factors> = { readonly [Factor in keyof F]: F[Factor][number] }

/** Every combination there is, in the order of the levels: the last factor changes first. */
export function product<F extends Factors>(factors: F): Array<CombinationOf<F>> {
  let all: Array<Record<string, string>> = [{}]
  for (const [factor, levels] of Object.entries(factors)) {
    all = all.flatMap((combination) => levels.map((level) => ({ ...combination, [factor]: level })))
  }
  return all as Array<CombinationOf<F>>
}

/** The pairs of levels of different factors that a combination has. */
export function pairsOf(combination: Readonly<Record<string, string>>): string[] {
  const levels = Object.entries(combination).map(([factor, level]) => `${factor}=${level}`)
  return levels.flatMap((level, index) => levels.slice(index + 1).map((other) => `${level} ${other}`))
}

/**
 * Few of the allowed combinations that have every pair among them: most faults of an installation come of one thing, or
 * of two that meet. Greedy, always the first of those that have the most of what is missing, so that it is the same
 * choice on each run.
 */
export function pairwise<C extends Readonly<Record<string, string>>>(allowed: readonly C[]): C[] {
  const missing = new Set(allowed.flatMap(pairsOf))
  const gain = (combination: C) => pairsOf(combination).filter((pair) => missing.has(pair)).length
  const chosen: C[] = []
  while (missing.size > 0) {
    const [best] = allowed
      .map((combination) => ({ combination, gain: gain(combination) }))
      .reduce<Array<{ combination: C; gain: number }>>(
        (first, next) => (next.gain > (first[0]?.gain ?? 0) ? [next] : first),
        [],
      )
    if (best === undefined) break
    chosen.push(best.combination)
    for (const pair of pairsOf(best.combination)) missing.delete(pair)
  }
  return chosen
}
