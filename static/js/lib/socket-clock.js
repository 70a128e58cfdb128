// @ts-check
/**
 * What time the server has, asked over a socket: the answer with the shortest way there and back counts, and is wrong
 * by half of that way at most.
 */
export class SocketClock {
  #offsetMs = 0;
  #wayMs = Infinity;
  #atMs = 0;

  get isKnown() {
    return this.#wayMs !== Infinity;
  }

  /** The connection is another one: what was measured over the old one may not hold. */
  forget() {
    this.#wayMs = Infinity;
  }

  /** @param {number} sentMs our clock, as the server gave it back @param {number} serverMs @param {number} receivedMs our clock */
  observe(sentMs, serverMs, receivedMs) {
    const wayMs = receivedMs - sentMs;
    if (!(wayMs >= 0) || !Number.isFinite(serverMs)) return; // our clock was set meanwhile
    // Clocks drift, so a measurement is worth less the older it is; and they are set, which no slow answer can feign.
    const agedMs = this.#wayMs + (receivedMs - this.#atMs) / 200;
    const offsetMs = serverMs - (sentMs + receivedMs) / 2;
    if (wayMs > agedMs && Math.abs(offsetMs - this.#offsetMs) <= wayMs / 2 + agedMs) return;
    this.#wayMs = wayMs;
    this.#atMs = receivedMs;
    this.#offsetMs = offsetMs;
  }

  /** @param {number} [ourMs] @returns {number} the server's wall clock, ms since the epoch */
  nowMs(ourMs = Date.now()) {
    return ourMs + this.#offsetMs;
  }
}
