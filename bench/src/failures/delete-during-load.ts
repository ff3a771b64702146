import { EventEmitter, once } from 'node:events'
import type { Failure } from './failure.js'

/** A load has read the origin; then the origin is changed and the key deleted; then the load comes back. */
export const deleteDuringLoad: Failure = {
  name: 'delete during a load',
  async run({ open }) {
    const events = new EventEmitter()
    let origin = 'old'
    const slow = async (): Promise<string> => {
      const read = origin
      if (read === 'old') {
        events.emit('read')
        await once(events, 'go on')
      }
      return read
    }
    const here = await open(slow)
    const elsewhere = await open(() => origin)
    const read = once(events, 'read')
    const first = here.getOrSet('key')
    await read
    origin = 'new'
    await here.delete('key')
    events.emit('go on')
    await first
    const values = [await here.getOrSet('key'), await elsewhere.getOrSet('key')]
    return values[0] === values[1] ? `${values[0]} afterwards` : `${values[0]} here, ${values[1]} elsewhere`
  },
}
