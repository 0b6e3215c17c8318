/**
 * Cuts growing Markdown into segments that can be drawn once and for all.
 *
 * It looks at whole lines only, so where it cuts depends on the text and not on how it arrived:
 * the drawing of a streamed answer is the drawing of the whole one.
 */

export type Kind = "flow" | "code";

/** What is going on: text was added to the open segment, or it was closed. */
export interface Sink {
  /** `language` is what a code block's fence names. */
  open(kind: Kind, language: string): void;
  add(text: string): void;
  close(): void;
  /** A link reference definition: it may change what was drawn before. */
  definition(line: string): void;
}

/** A longer segment (characters) is cut where it stands, so that no work grows with its square. */
const LONGEST = 32_768;
/** A longer line (characters) does not close a code block, so it can be handed on early. */
const LONGEST_FENCE = 256;

const FENCE = /^(`{3,}(?=[^`]*$)|~{3,})\s*([^\s`{]*)/;
const INNER_FENCE = /^(?:\s|>|[-*+]\s|\d+[.)]\s)*(`{3,}(?=[^`]*$)|~{3,})/;
const LIST = /^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:\s|$)/;
const RULE = /^ {0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$/;
const HTML = /^ {0,3}<([a-z][a-z0-9-]*)(?=[\s/>])/i;
const VOID = /^(?:br|hr|img|input|wbr|meta|link)$/i;
const DEFINITION = /^ {0,3}\[(?!\^)[^\]]+\]:\s*\S/;

export class Splitter {
  /** The line that has no newline yet. */
  private partial = "";
  private kind: Kind | null = null;
  /** The head of the unfinished line of code was handed on already. */
  private midLine = false;
  private length = 0;
  private fence = "";
  private blank = false;
  private list = false;
  private tag = "";
  private depth = 0;

  constructor(private readonly sink: Sink) {}

  feed(text: string): void {
    const lines = text.split("\n");
    lines[0] = this.partial + lines[0];
    this.partial = lines.pop() ?? "";
    for (const line of lines) this.line(line);
    this.cutPartial();
  }

  /** The unfinished last line, which is not yet part of a segment. */
  get rest(): string {
    return this.partial;
  }

  /** Whether the unfinished line continues the open code block. */
  get inCode(): boolean {
    return this.kind === "code";
  }

  finish(): void {
    if (this.partial) this.line(this.partial);
    this.partial = "";
    this.end();
  }

  private line(line: string): void {
    if (this.kind === "code") this.codeLine(line);
    else this.flowLine(this.cut(line));
  }

  private codeLine(line: string): void {
    if (!this.midLine && this.closes(line)) this.end();
    else this.sink.add(`${line}\n`);
    this.midLine = false;
  }

  private closes(line: string): boolean {
    if (line.length > LONGEST_FENCE) return false;
    const run = /^ {0,3}(`{3,}|~{3,})\s*$/.exec(line)?.[1];
    return run !== undefined && run[0] === this.fence[0] && run.length >= this.fence.length;
  }

  private flowLine(line: string): void {
    const fence = this.fence || this.depth ? null : FENCE.exec(line);
    if (fence) {
      this.end();
      this.begin("code", fence[2] ?? "");
      this.fence = fence[1] ?? "";
      return;
    }
    if (this.cutsBefore(line) || this.length > LONGEST) this.end();
    if (!this.kind) {
      if (!line.trim()) return;
      this.begin("flow", "");
    }
    this.note(line);
    this.add(`${line}\n`);
  }

  private cutsBefore(line: string): boolean {
    if (!this.blank || this.fence || this.depth > 0 || !/^\S/.test(line)) return false;
    return !(this.list && LIST.test(line) && !RULE.test(line));
  }

  /** Keep account of what would make a cut after this line wrong. */
  private note(line: string): void {
    this.blank = !line.trim();
    if (this.fence) {
      const run = /^[\s>]*(`{3,}|~{3,})\s*$/.exec(line)?.[1];
      if (run && run[0] === this.fence[0] && run.length >= this.fence.length) this.fence = "";
      return;
    }
    this.fence = INNER_FENCE.exec(line)?.[1] ?? "";
    if (LIST.test(line)) this.list = true;
    if (DEFINITION.test(line)) this.sink.definition(line);
    this.html(line);
  }

  /** `<details>` and its like may hold blank lines: hold until the tag is closed again. */
  private html(line: string): void {
    const opened = this.tag ? "" : (HTML.exec(line)?.[1] ?? "");
    if (opened && !VOID.test(opened)) this.tag = opened;
    if (!this.tag) return;
    const tags = line.matchAll(new RegExp(`<(/?)${this.tag}(?=[\\s/>])`, "gi"));
    for (const [, slash] of tags) this.depth += slash ? -1 : 1;
    if (this.depth <= 0) {
      this.tag = "";
      this.depth = 0;
    }
  }

  /** Hand on what is known of a line that goes on and on. */
  private cutPartial(): void {
    if (this.kind !== "code") {
      this.partial = this.cut(this.partial);
    } else if (this.midLine || this.partial.length > LONGEST_FENCE) {
      this.sink.add(this.partial);
      this.midLine = true;
      this.partial = "";
    }
  }

  /** Cut a line that is too long at spaces, and return what is left of it. */
  private cut(line: string): string {
    let rest = line;
    while (rest.length > LONGEST) {
      const space = rest.lastIndexOf(" ", LONGEST);
      const at = space > LONGEST / 2 ? space + 1 : LONGEST;
      this.flowLine(rest.slice(0, at));
      this.end();
      rest = rest.slice(at);
    }
    return rest;
  }

  private begin(kind: Kind, language: string): void {
    this.kind = kind;
    this.sink.open(kind, language);
  }

  private add(text: string): void {
    this.length += text.length;
    this.sink.add(text);
  }

  private end(): void {
    if (this.kind) this.sink.close();
    this.kind = null;
    this.length = 0;
    this.fence = "";
    this.tag = "";
    this.depth = 0;
    this.blank = false;
    this.list = false;
  }
}
