/** One clock for all that counts seconds: it runs while somebody listens. */

const TICK_MS = 1000;
const listeners = new Set<() => boolean>();
let timer: ReturnType<typeof setInterval> | undefined;

/** Call `tick` once a second until it says that it is over. */
export function everySecond(tick: () => boolean): void {
  listeners.add(tick);
  timer ??= setInterval(beat, TICK_MS);
}

function beat(): void {
  for (const tick of listeners) if (!tick()) listeners.delete(tick);
  if (listeners.size) return;
  clearInterval(timer);
  timer = undefined;
}
