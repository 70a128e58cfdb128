// @ts-check
/**
 * The server's clock, measured over the WebSocket. The measurement with the shortest round trip counts; its error is at
 * most half of that round trip. It is compared with `performance.now()`, which no user and no time server sets.
 */
export class SocketClock {
  #offsetMs = 0;
  #roundTripMs = Infinity;
  #atMs = 0;

  get isKnown() {
    return this.#roundTripMs !== Infinity;
  }

  /** Accept the next measurement in any case. Called after a reconnect: the old connection may have led elsewhere. */
  forget() {
    this.#roundTripMs = Infinity;
  }

  /**
   * @param {number} sentMs `performance.now()` when the browser sent the message; the server repeats it
   * @param {number} serverMs the server's clock
   * @param {number} receivedMs `performance.now()` when the reply arrived
   */
  observe(sentMs, serverMs, receivedMs) {
    const roundTripMs = receivedMs - sentMs;
    if (!(roundTripMs >= 0) || !Number.isFinite(serverMs)) return; // the server repeats no such time
    // Clocks drift, so an old measurement counts as less accurate: its round trip grows by 1/200 of its age.
    // A slow reply is only used if both errors together cannot explain the difference: then a clock was set.
    const agedMs = this.#roundTripMs + (receivedMs - this.#atMs) / 200;
    const offsetMs = serverMs - (sentMs + receivedMs) / 2;
    if (roundTripMs > agedMs && Math.abs(offsetMs - this.#offsetMs) <= roundTripMs / 2 + agedMs) return;
    this.#roundTripMs = roundTripMs;
    this.#atMs = receivedMs;
    this.#offsetMs = offsetMs;
  }

  /** @param {number} [ourMs] `performance.now()` @returns {number} the server's clock, ms since the epoch */
  nowMs(ourMs = performance.now()) {
    return ourMs + this.#offsetMs;
  }
}
