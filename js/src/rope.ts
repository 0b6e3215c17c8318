/**
 * A text that only grows. Appending is cheap whatever the length, and an older value stays as it
 * was: values share their pieces, each knows how many of them are its own.
 */
export class Rope {
  private constructor(
    private readonly pieces: string[],
    readonly count: number,
  ) {}

  static of(text: string): Rope {
    return new Rope(text ? [text] : [], text ? 1 : 0);
  }

  append(text: string): Rope {
    if (!text) return this;
    const pieces =
      this.pieces.length === this.count ? this.pieces : this.pieces.slice(0, this.count);
    pieces.push(text);
    return new Rope(pieces, this.count + 1);
  }

  /** The text after the first `count` pieces. */
  since(count: number): string {
    return this.pieces.slice(count, this.count).join("");
  }

  /** Whether this is `other` with something appended (or the same). */
  grewFrom(other: Rope): boolean {
    return this.pieces === other.pieces && this.count >= other.count;
  }

  toString(): string {
    return this.since(0);
  }
}
