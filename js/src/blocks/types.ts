import type { ToolCards } from "./cards";

/** How one content block is drawn. */
export interface BlockView {
  readonly el: HTMLElement;
  /** True where the block is drawn elsewhere: a result inside the card of its call. */
  readonly elsewhere?: boolean;
  /** More text of a block that is being written. */
  feed?(text: string): void;
  /** Nothing more comes. */
  finish?(): void;
}

/** What a block may need to know of its surroundings. */
export interface BlockContext {
  readonly tools: ToolCards;
  /** The block is still being written; `finish` will be called. */
  readonly live: boolean;
  /** A person wrote it: line ends count. */
  readonly byPerson: boolean;
  /** When it was written, by the kernel's clock (epoch ms); 0 where that is not known. */
  readonly at: number;
}
