/** The page's title says that Claude asks something, while the page is in the background. */

const waiting = new Map<object, number>();
let mark = "";

function show(): void {
  const sum = [...waiting.values()].reduce((so, each) => so + each, 0);
  const wanted = sum && document.hidden ? `(${sum}) Claude asks · ` : "";
  if (wanted === mark) return;
  const bare = document.title.startsWith(mark) ? document.title.slice(mark.length) : document.title;
  mark = wanted;
  document.title = wanted + bare;
}

/** Say how many questions a view has open; 0 takes the mark away again. */
export function badge(view: object, count: number): void {
  const before = waiting.size;
  if (count) waiting.set(view, count);
  else waiting.delete(view);
  if (!before && waiting.size) document.addEventListener("visibilitychange", show);
  if (before && !waiting.size) document.removeEventListener("visibilitychange", show);
  show();
}
