/**
 * The page's title says that Claude asks something, while the page is in the background.
 *
 * A JupyterLab that was installed as an app shows the number at its icon, too.
 */

interface Open {
  /** The questions that each view has open. */
  readonly views: Map<object, readonly string[]>;
  /** What stands before the title. */
  mark: string;
  /** The number at the icon. */
  number: number;
}

const PLACE = Symbol.for("ipyclaude.questions");
/** The views of this bundle. */
const own = new Set<object>();

/** All views of a page count together, though each chat brings a bundle of its own. */
function questions(): Open {
  const page = globalThis as { [PLACE]?: Open };
  page[PLACE] ??= { views: new Map(), mark: "", number: 0 };
  return page[PLACE];
}

function show(): void {
  const open = questions();
  // A session may stand in several views: each question counts once.
  const sum = document.hidden ? new Set([...open.views.values()].flat()).size : 0;
  showAtIcon(open, sum);
  const wanted = sum ? `(${sum}) Claude asks · ` : "";
  if (wanted === open.mark) return;
  const { title } = document;
  const bare = title.startsWith(open.mark) ? title.slice(open.mark.length) : title;
  open.mark = wanted;
  document.title = wanted + bare;
}

function showAtIcon(open: Open, sum: number): void {
  if (sum === open.number) return;
  open.number = sum;
  // Absent in some browsers; refused where the page is no app. Then the title must do.
  (sum ? navigator.setAppBadge?.(sum) : navigator.clearAppBadge?.())?.catch(() => undefined);
}

/** Say which questions a view has open; none takes the mark away again. */
export function badge(view: object, open: readonly string[]): void {
  if (open.length) {
    own.add(view);
    questions().views.set(view, open);
    document.addEventListener("visibilitychange", show);
  } else {
    own.delete(view);
    questions().views.delete(view);
    if (!own.size) document.removeEventListener("visibilitychange", show);
  }
  show();
}
