import { readFileSync } from 'node:fs'
import wordListPath from 'word-list'

/** Some 274,000 English words in lower case, in alphabetical order. */
export const words: readonly string[] = readFileSync(wordListPath, 'utf8').trimEnd().split('\n')
