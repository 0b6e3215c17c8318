/** A session in the list: what it is, who is in it, and what can be done with it. */

import { button, h } from "./dom";
import { ago, cost, plural } from "./format";
import { icon } from "./icons";
import type { SessionInfo } from "./wire";

export interface SessionDeeds {
  open(id: string): void;
  rename(id: string, name: string): void;
  /** Put it away, or take it out again. */
  archive(session: SessionInfo): void;
  fork(id: string): void;
  remove(session: SessionInfo): void;
  /** Let somebody in; what comes of it is shown in the row. */
  share(session: SessionInfo, row: HTMLElement): void;
  key(event: KeyboardEvent): void;
}

/** What the list tells of how a session is kept. */
export interface Keeping {
  /** Sessions go to other servers too. */
  readonly replicates: boolean;
  /** Changes that have yet to go, by session. */
  readonly waiting: Readonly<Record<string, number>>;
}

const PHASES: Record<string, string> = {
  idle: "",
  running: "running",
  waiting: "waits for permission",
  error: "error",
  held: "somebody works in it",
};

export function sessionRow(
  session: SessionInfo,
  current: boolean,
  deeds: SessionDeeds,
  keeping: Keeping,
): HTMLElement {
  const held = session.holder !== null && (session.holder_expires_at ?? 0) > Date.now();
  const phase = held && session.phase.type === "idle" ? "held" : session.phase.type;
  const open = h(
    "button",
    {
      type: "button",
      class: "ipc-session",
      "data-ipc": "session",
      "data-id": session.client_id,
      "data-state": phase,
      "aria-current": current ? "true" : "false",
      click: () => deeds.open(session.client_id),
      keydown: (event) => key(event as KeyboardEvent),
    },
    h(
      "span",
      { class: "ipc-session-head" },
      h("strong", {}, session.name),
      current && icon("check"),
      guest(session),
    ),
    session.title && h("span", { class: "ipc-session-title" }, session.title),
    h(
      "span",
      { class: "ipc-session-facts ipc-muted" },
      h("span", {}, facts(session, phase, held)),
      sync(session, keeping),
    ),
  );
  const row = h("li", { class: "ipc-session-row" }, open, actions(session, deeds, rename, remove));
  if (keeping.replicates && session.role === "owner") {
    const label = `Let somebody into ${session.name}`;
    const share = button("share-session", label, () => deeds.share(session, row), icon("share"));
    row.querySelector(".ipc-session-actions")?.prepend(share);
  }
  function rename(): void {
    editName(session, row, open, deeds);
  }
  function remove(): void {
    deeds.remove(session);
  }
  function key(event: KeyboardEvent): void {
    if (event.key === "F2") rename();
    else if (event.key === "Delete") remove();
    else deeds.key(event);
    if (event.key === "F2" || event.key === "Delete") event.preventDefault();
  }
  return row;
}

/** Whose it is, and what one may do in it, where it is not one's own. */
function guest({ role, owner }: SessionInfo): HTMLElement | null {
  if (role === "owner") return null;
  const words = { editor: "you may write", viewer: "you may read", none: "no longer shared" }[role];
  return h("span", { class: "ipc-chip" }, `${owner || "Somebody"}'s · ${words}`);
}

/** `pid@host/…`: the host is what a person knows. */
function holderName(holder: string | null): string {
  return /^[^@/]*@([^/]+)/.exec(holder ?? "")?.[1] ?? "";
}

/** How its saving goes, where sessions go to other servers too. */
function sync({ client_id: id, local }: SessionInfo, keeping: Keeping): HTMLElement | null {
  if (!keeping.replicates) return null;
  const count = keeping.waiting[id] ?? 0;
  const state = local ? "local" : count ? "waiting" : "synced";
  const words = { local: "only here", waiting: `${count} to sync`, synced: "synced" }[state];
  return h("span", { class: "ipc-chip", "data-ipc": "session-sync", "data-state": state }, words);
}

function facts(session: SessionInfo, phase: string, held: boolean): string {
  const who = held ? holderName(session.holder) : "";
  return [
    [PHASES[phase], who && `on ${who}`].filter(Boolean).join(" "),
    session.archived_at ? "put away" : "",
    [ago(session.last_activity_at), session.server && `on ${session.server}`]
      .filter(Boolean)
      .join(" "),
    plural(session.message_count, "message"),
    session.cost_usd ? cost(session.cost_usd) : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

function actions(
  session: SessionInfo,
  deeds: SessionDeeds,
  rename: () => void,
  remove: () => void,
): HTMLElement {
  const { client_id: id, name, archived_at: away } = session;
  const words = away ? `Take ${name} out again` : `Put ${name} away`;
  return h(
    "span",
    { class: "ipc-session-actions" },
    button("rename-session", `Rename ${name}`, rename, icon("edit")),
    button("fork-session", `Go on in a copy of ${name}`, () => deeds.fork(id), icon("fork")),
    button("archive-session", words, () => deeds.archive(session), icon("archive")),
    button("delete-session", `Delete ${name}`, remove, icon("trash")),
  );
}

/** Let the name be written over: Enter keeps it, Esc and leaving let it be. */
function editName(
  session: SessionInfo,
  row: HTMLElement,
  open: HTMLElement,
  deeds: SessionDeeds,
): void {
  const field = h("input", {
    type: "text",
    class: "ipc-field",
    "data-ipc": "session-name",
    "aria-label": `New name of ${session.name}`,
    value: session.name,
  });
  const end = (): void => {
    // To remove what has the focus is to leave it, which would end it a second time.
    field.removeEventListener("blur", end);
    row.classList.remove("ipc-renaming");
    field.remove();
  };
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && field.value.trim()) {
      deeds.rename(session.client_id, field.value.trim());
    } else if (event.key !== "Escape") {
      return;
    }
    // Esc would close the panel as well.
    event.stopPropagation();
    event.preventDefault();
    end();
    open.focus();
  });
  field.addEventListener("blur", end);
  row.classList.add("ipc-renaming");
  row.prepend(field);
  field.focus();
  field.select();
}
