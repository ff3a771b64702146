/** Blocks the event loop, as a long computation does. */
export function stall(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}
