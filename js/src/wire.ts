/** Unions over the generated protocol types. */

import type * as p from "./protocol";

export type * from "./protocol";

export type ContentBlock = p.Message["content"][number];
export type ContentType = ContentBlock["type"];
export type WireEvent = p.Events["events"][number];
export type ToPage = p.Snapshot | p.Events | p.Grew | p.CellChange | p.Reply;

export type Request =
  | p.Hello
  | p.Prompt
  | p.Unqueue
  | p.SendNow
  | p.TellNow
  | p.Suggest
  | p.Stop
  | p.Decide
  | p.Older
  | p.Fork
  | p.Resend
  | p.Find
  | p.Usage
  | p.Asset
  | p.ListSessions
  | p.RenameSession
  | p.ArchiveSession
  | p.DeleteSession
  | p.OpenSession
  | p.NewSession
  | p.SyncSession
  | p.Share
  | p.TakeOver
  | p.Configure
  | p.SignIn
  | p.MailCode
  | p.CancelSignIn
  | p.SignOut
  | p.ListRules
  | p.RevokeRule
  | p.Claim
  | p.Changed;

/** What each request is answered with. */
export interface Results {
  hello: null;
  prompt: { turn_id: string };
  unqueue: null;
  send_now: null;
  tell_now: null;
  suggest: p.SuggestResult;
  rename_session: null;
  archive_session: null;
  delete_session: null;
  stop: null;
  decide: p.Approval;
  older: p.OlderResult;
  fork: null;
  resend: { turn_id: string };
  find: p.FindResult;
  usage: p.UsageResult;
  asset: p.AssetResult;
  sessions: p.SessionsResult;
  open_session: null;
  new_session: null;
  sync_session: p.Status;
  share: p.ShareResult;
  take_over: null;
  configure: p.Status;
  sign_in: null;
  mail_code: null;
  cancel_sign_in: null;
  sign_out: null;
  rules: p.RulesResult;
  revoke: p.RulesResult;
  claim: boolean;
  changed: null;
}

/** A request without its id, which the channel gives. */
export type Unsent = Request extends infer R ? (R extends Request ? Omit<R, "id"> : never) : never;

/** The part of anywidget's model that this page uses. */
export interface Model {
  get(name: string): unknown;
  send(content: unknown): void;
  on(name: string, callback: (...args: never[]) => void): void;
  off(name: string, callback: (...args: never[]) => void): void;
  /** The host's widget manager; what it offers differs from host to host. */
  readonly widget_manager?: { readonly context?: unknown };
}
