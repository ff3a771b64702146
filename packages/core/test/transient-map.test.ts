import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TransientMap } from '../src/flight/transient-map.js'

const step = fc.record({ do: fc.constantFrom('set', 'delete'), name: fc.integer({ min: 0, max: 2_000 }).map(String) })

test('holds what a Map would hold', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const map = new TransientMap<object>()
      const model = new Map<string, object>()
      for (const one of steps) {
        const value = {}
        if (one.do === 'set') {
          map.set(one.name, value)
          model.set(one.name, value)
        } else {
          map.delete(one.name)
          model.delete(one.name)
        }
        expect(map.get(one.name)).toBe(model.get(one.name))
        expect(map.size).toBe(model.size)
      }
      expect(new Map(map.entries())).toEqual(model)
    }),
  )
})

test('keeps what is there when it forgets the names of what was', () => {
  const map = new TransientMap<object>()
  const kept = {}
  map.set('kept', kept)
  for (let index = 0; index < 100_000; index++) {
    map.set(`name ${index}`, {})
    map.delete(`name ${index}`)
  }
  expect(map.entries()).toEqual([['kept', kept]])
  expect(map.get('kept')).toBe(kept)
})
