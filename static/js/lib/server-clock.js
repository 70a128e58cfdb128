// @ts-check
/**
 * The server's clock, estimated from the Date headers of its responses.
 *
 * A Date header is cut to whole seconds: the server's clock was in [date, date + 1 s) when it wrote the header. Each
 * response bounds the offset between the two clocks, and the bounds of many responses together are narrow. While an
 * offset of zero is within all bounds, it is taken as zero, because server and browser are often one machine.
 */
export class ServerClock {
  #low = -Infinity;
  #high = Infinity;

  /**
   * @param {string|null} dateHeader
   * @param {number} sentMs the browser's clock when the request was sent
   * @param {number} receivedMs the browser's clock when the response's headers had arrived
   */
  observe(dateHeader, sentMs, receivedMs) {
    const date = Date.parse(dateHeader ?? '');
    if (Number.isNaN(date) || receivedMs < sentMs) return;
    const low = date - receivedMs;
    const high = date + 1000 - sentMs;
    if (low > this.#high || high < this.#low) {
      // One of the clocks was set, so the earlier bounds are no longer valid.
      this.#low = low;
      this.#high = high;
      return;
    }
    this.#low = Math.max(this.#low, low);
    this.#high = Math.min(this.#high, high);
  }

  /** Return the server's time minus the browser's, in ms. */
  get offsetMs() {
    if (this.#low <= 0 && this.#high >= 0) return 0;
    return (this.#low + this.#high) / 2;
  }

  /** @param {number} [ourMs] the browser's clock @returns {number} the server's clock, ms since the epoch */
  nowMs(ourMs = Date.now()) {
    return ourMs + this.offsetMs;
  }
}
