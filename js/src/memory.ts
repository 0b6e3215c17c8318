/** What a page remembers over a reload: drafts, prompts written, what is folded. Never needed. */

const PREFIX = "ipyclaude:";
/** Longer values (characters) are not kept: the place is small, and shared with the host. */
const MOST = 100_000;

/** Recall a text; empty where there is none, or where the host lends no place to keep it. */
export function recall(key: string): string {
  try {
    return localStorage.getItem(PREFIX + key) ?? "";
  } catch {
    // A host may forbid it, and then nothing is remembered.
    return "";
  }
}

/** Remember a text; an empty one is forgotten. */
export function remember(key: string, value: string): void {
  try {
    if (value && value.length <= MOST) localStorage.setItem(PREFIX + key, value);
    else localStorage.removeItem(PREFIX + key);
  } catch {
    // Full or forbidden: it lasts as long as the page does.
  }
}
