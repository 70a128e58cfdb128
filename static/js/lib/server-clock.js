// @ts-check
/**
 * What time the server has, from the Date headers of its answers.
 *
 * A Date header is cut to whole seconds, so one answer only says: when the server wrote it, its clock stood in
 * [date, date + 1 s). Each answer bounds the offset between the two clocks; the bounds of many answers together are
 * narrow. As long as "both clocks agree" fits all of them, the offset is taken as zero: the usual case is one machine.
 */
export class ServerClock {
  #low = -Infinity;
  #high = Infinity;

  /**
   * @param {string|null} dateHeader
   * @param {number} sentMs our clock when the request left
   * @param {number} receivedMs our clock when the answer's head was here
   */
  observe(dateHeader, sentMs, receivedMs) {
    const date = Date.parse(dateHeader ?? '');
    if (Number.isNaN(date) || receivedMs < sentMs) return;
    const low = date - receivedMs;
    const high = date + 1000 - sentMs;
    if (low > this.#high || high < this.#low) {
      // One of the clocks was set: what was known is worth nothing.
      this.#low = low;
      this.#high = high;
      return;
    }
    this.#low = Math.max(this.#low, low);
    this.#high = Math.min(this.#high, high);
  }

  /** Server time minus ours, ms. */
  get offsetMs() {
    if (this.#low <= 0 && this.#high >= 0) return 0;
    return (this.#low + this.#high) / 2;
  }

  /** @param {number} [ourMs] @returns {number} the server's wall clock, ms since the epoch */
  nowMs(ourMs = Date.now()) {
    return ourMs + this.offsetMs;
  }
}
