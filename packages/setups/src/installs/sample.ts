/** So many of them, chosen by the seed: the same for the same seed. In their old order. */
export function sample<T>(all: readonly T[], count: number, seed: number): T[] {
  const random = mulberry32(seed)
  const drawn = all.map((item, index) => ({ item, index, lot: random() })).sort((one, other) => one.lot - other.lot)
  return drawn
    .slice(0, count)
    .sort((one, other) => one.index - other.index)
    .map(({ item }) => item)
}

/** Numbers from 0 to 1 that a seed decides (Tommy Ettinger's Mulberry32). */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
