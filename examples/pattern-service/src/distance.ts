const ANY_LETTER = '?'.charCodeAt(0)
const ANY_LETTERS = '*'.charCodeAt(0)

/**
 * How many slips (a letter too many, one too few, another one, or two neighbours swapped) lie between a pattern and a
 * word. This is the Damerau-Levenshtein distance (optimal string alignment) with `?` for any one letter and `*` for any
 * number of them.
 */
export function distanceFrom(pattern: string): (word: string) => number {
  const codes = Uint8Array.from(pattern, (character) => character.charCodeAt(0))
  const size = codes.length
  const start = startColumn(codes)
  // A column holds the distance from each beginning of the pattern to the letters of the word that were read so far.
  let current = start.slice()
  let previous = start.slice()
  let beforePrevious = start.slice()

  return (word) => {
    current.set(start)
    let lastLetter = 0
    for (let position = 0; position < word.length; position++) {
      const letter = word.charCodeAt(position)
      const recycled = beforePrevious
      beforePrevious = previous
      previous = current
      current = recycled
      current[0] = position + 1
      let lastCode = 0
      for (let row = 1; row <= size; row++) {
        const code = codes[row - 1] as number
        const tooFew = current[row - 1] as number
        const tooMany = previous[row] as number
        if (code === ANY_LETTERS) {
          current[row] = Math.min(tooFew, tooMany)
        } else {
          const slip = code === letter || code === ANY_LETTER ? 0 : 1
          let best = Math.min((previous[row - 1] as number) + slip, tooFew + 1, tooMany + 1)
          if (code === lastLetter && letter === lastCode) best = Math.min(best, (beforePrevious[row - 2] as number) + 1)
          current[row] = best
        }
        lastCode = code
      }
      lastLetter = letter
    }
    return current[size] as number
  }
}

/** Before the first letter every letter of the pattern is one too few, and `*` stands for none. */
function startColumn(codes: Uint8Array): Uint8Array {
  const column = new Uint8Array(codes.length + 1)
  let distance = 0
  for (const [index, code] of codes.entries()) {
    if (code !== ANY_LETTERS) distance++
    column[index + 1] = distance
  }
  return column
}
