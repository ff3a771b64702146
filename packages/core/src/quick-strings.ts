/** V8 begins to remember what a function looks up at about its tenth call. */
const CALLS = 100

/**
 * Has V8 call the methods of strings as fast as it can. A class that extends String, as ioredis 6 has one, leaves
 * `String.prototype` in its slow mode for the rest of the process, where each such call takes three times as long. V8 mends
 * that as soon as a method is looked up through an object; a string itself is none.
 */
export function quickenStrings(): void {
  const text: object = Object('')
  for (let call = 0; call < CALLS; call++) lookUpIn(text as { at: unknown })
}

function lookUpIn(text: { readonly at: unknown }): unknown {
  return text.at
}
