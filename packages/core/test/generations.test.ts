import { expect, test } from 'vitest'
import { Generations } from '../src/generations.js'

function root(generations: Generations) {
  return generations.of([''], [])[0] as ReturnType<Generations['of']>[number]
}

test('an older answer does not replace a newer one, and ends nothing', () => {
  const generations = new Generations(() => {})
  const generation = root(generations)
  const older = generations.ask()
  const newer = generations.ask()
  generations.confirm(generation, 'new', newer)
  generations.confirm(generation, 'old', older)
  expect([generation.id, generation.ended]).toEqual(['new', false])
})

test('a late answer of what noted an id is taken where a newer one knew of none', () => {
  const generations = new Generations(() => {})
  const generation = root(generations)
  const note = generations.ask()
  const read = generations.ask()
  generations.confirm(generation, undefined, read)
  generations.confirm(generation, 'noted', note)
  expect([generation.id, generation.ended]).toEqual(['noted', false])
})

test('another id ends the generation', () => {
  let ends = 0
  const generations = new Generations(() => (ends += 1))
  const generation = root(generations)
  generations.confirm(generation, 'one', generations.ask())
  generations.confirm(generation, 'another', generations.ask())
  expect([generation.ended, ends]).toEqual([true, 1])
  expect(root(generations)).not.toBe(generation)
})
