/** Something to be done after a while, unless it is called off; or at once, if time is up. */
export class Later {
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    ms: number,
    private readonly work: () => void,
  ) {
    this.timer = setTimeout(() => this.now(), ms);
  }

  /** Do it now, if it has been neither done nor called off. */
  now(): void {
    if (this.timer === undefined) return;
    this.cancel();
    this.work();
  }

  cancel(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
