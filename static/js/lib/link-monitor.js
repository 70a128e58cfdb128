// @ts-check
/**
 * Measures the link of a page's live socket: its throughput, and whether media comes late. Pure; times are passed in.
 *
 * The server reports the backlog before its socket (`pace`). A proxy may take everything and hide the backlog. So the
 * monitor also compares the server's clock with the time at which the server received each frame. A camera on a weak
 * Wi-Fi sends frames late, too. Then the server's reports, which have the time of their sending, come early.
 */

/**
 * @typedef {{intervalMs: number, takenBytes: number, busyMs: number, busyBytes: number, backlogBytes: number,
 *   backlogMs: number, serverLagMs?: number}} Pace one `pace` message. `busyMs`: the part of the interval with a backlog;
 *   `busyBytes`: bytes taken in it; `serverLagMs`: the lateness of the server's event loop
 * @typedef {{isLate: boolean, calmMs: number, kbps: number|null, burstKbps?: number|null, bestBurstKbps?: number|null,
 *   measuredMs?: number, isServerBusy?: boolean}} LinkState
 *   `calmMs`: how long nothing was late or waited, 0 while nothing arrives; `kbps`: throughput, null while unknown;
 *   `burstKbps`: throughput that the last large key frames show on a calm link, null while unknown; `bestBurstKbps`: that
 *   of the fastest ones lately, since a busy page makes others late; `measuredMs`: how long the throughput was measured
 *   lately; `isServerBusy`: media is late, but because the server is busy
 */

const LATE_BACKLOG_MS = 800;
const LATE_ARRIVAL_MS = 1200;
const LATE_FOR_MS = 1000;
const CALM_BACKLOG_MS = 300;
const CALM_ARRIVAL_MS = 600;
/** Older reports say nothing about the present: the tab was hidden, or the machine slept. */
const FRESH_MS = 2500;
const PACE_EVERY_MS = 1000;
/** A server that is later than this is busy: what it sends waits for it, and not only for the link. */
const BUSY_LAG_MS = 400;
/** A key frame leaves a busy server in so many parts, and each waits anew. */
const LAGS_OF_A_MESSAGE = 3;
/** The reports of a busy server are late themselves. */
const LAG_KEPT_MS = 5000;
const SMOOTHED_OVER_MS = 3000;
const MEASURED_OVER_MS = 10_000;
/** A page acknowledges bytes in lumps: half a second of a slow link may show none, or twice as many as it carries. */
const LEAST_BUSY_MS = 500;
/** A link whose rate falls below this share has changed: older measurements say nothing about it. */
const SLOWER_SHARE = 0.5;
/** The throughput of a late link is that of so long a time with a backlog. */
const RECENT_MS = 1500;
const THIN_KBPS = 2000;
const TRUSTED_MS = 60_000;
/** A smaller key frame takes too little time to measure. */
const LEAST_BURST_BYTES = 6000;
const LEAST_BURST_MS = 5;
const BURSTS_KEPT_MS = 12_000;
const MOST_BURSTS = 6;

export class LinkMonitor {
  /** @type {number|null} */
  #averageKbps = null;
  /** The newest last. @type {{atMs: number, overMs: number, kbps: number}[]} */
  #samples = [];
  /** The part of the present backlog that has led to no sample so far. */
  #pendingMs = 0;
  #pendingBytes = 0;
  #hasBacklog = false;
  #backlogMs = 0;
  #pacedMs = -Infinity;
  /** How long the last report was under way; null if unknown. @type {number|null} */
  #delayMs = null;
  /** @type {number|null} */
  #lateSinceMs = null;
  #arrivedMs = -Infinity;
  /** Bytes that arrived late since `#lateFromMs`. */
  #lateBytes = 0;
  #lateFromMs = 0;
  #calmSinceMs;
  #heardMs;
  #serverLagMs = 0;
  #laggedMs = -Infinity;
  /** When media was last late only because the server is busy. */
  #excusedMs = -Infinity;
  /** Position and arrival at the server of the last key frame, by watch. @type {Map<number, {startS: number, takenMs: number}>} */
  #keys = new Map();

  /** The usual lateness of small frames, by watch. @type {Map<number, number>} */
  #usualMs = new Map();
  /** @type {{atMs: number, kbps: number}[]} */
  #bursts = [];

  /** @param {number} nowMs */
  constructor(nowMs) {
    this.#calmSinceMs = this.#heardMs = nowMs;
  }

  /** @param {number} nowMs @returns {LinkState} */
  stateAt(nowMs) {
    const isLate = this.#isLate(nowMs);
    // The average still holds the faster past when a link has become slow.
    const measured = isLate || this.#isFull(nowMs) ? [this.#recentKbps(nowMs), this.#averageKbps].filter((one) => one !== null) : [];
    const kbps = measured.length ? Math.min(...measured) : (this.#averageKbps ?? (isLate ? this.#lateKbps(nowMs) : null));
    const isCalm = !isLate && this.#isHeard(nowMs);
    const calmMs = isCalm ? Math.max(0, nowMs - this.#calmSinceMs) : 0;
    const measuredMs = this.#samplesAt(nowMs).reduce((sum, { overMs }) => sum + overMs, 0);
    const isServerBusy = !isLate && nowMs - this.#excusedMs < FRESH_MS;
    return { isLate, calmMs, kbps, ...this.#burstsAt(nowMs), measuredMs, ...(isServerBusy && { isServerBusy }) };
  }

  /** The second-fastest one of the last two bursts, and of all: one alone may be an accident. @param {number} nowMs */
  #burstsAt(nowMs) {
    const recent = this.#bursts.filter(({ atMs }) => nowMs - atMs <= BURSTS_KEPT_MS).map(({ kbps }) => kbps);
    /** @param {number[]} rates */
    const second = (rates) => rates.sort((a, b) => b - a)[1] ?? null;
    return { burstKbps: second(recent.slice(-2)), bestBurstKbps: second([...recent]) };
  }

  /** Compare the lateness of a key frame with that of the small frames before it. @param {number} watch @param {number} latenessMs @param {number} bytes @param {number} nowMs */
  #noteBurst(watch, latenessMs, bytes, nowMs) {
    const usualMs = this.#usualMs.get(watch);
    this.#usualMs.delete(watch);
    if (usualMs === undefined || bytes < LEAST_BURST_BYTES || this.#lagAt(nowMs) > 0) return;
    const kbps = (bytes * 8) / Math.max(LEAST_BURST_MS, latenessMs - usualMs);
    this.#bursts = [...this.#bursts.slice(1 - MOST_BURSTS), { atMs: nowMs, kbps }];
  }

  /**
   * True if the link has no bandwidth to spare for stills. A minute without a backlog may mean that the link is better
   * now than its last measurement.
   *
   * @param {number} nowMs
   */
  isThin(nowMs) {
    const { isLate, kbps } = this.stateAt(nowMs);
    return isLate || (kbps !== null && kbps < THIN_KBPS && nowMs - this.#calmSinceMs < TRUSTED_MS);
  }

  /** @param {Pace} pace @param {number} nowMs @param {number|null} [delayMs] how long it was under way; null if unknown */
  takePace({ intervalMs, takenBytes, busyMs, busyBytes, backlogBytes, backlogMs, serverLagMs = 0 }, nowMs, delayMs = null) {
    this.#hear(nowMs);
    this.#pacedMs = nowMs;
    this.#delayMs = delayMs;
    this.#noteLag(serverLagMs, nowMs);
    this.#backlogMs = this.#ofLink(backlogMs, LATE_BACKLOG_MS, nowMs);
    this.#hasBacklog = backlogBytes > 0;
    if (backlogMs > CALM_BACKLOG_MS) this.#calmSinceMs = nowMs;
    if (serverLagMs >= BUSY_LAG_MS) {
      this.#pendingMs = this.#pendingBytes = 0; // the rate is that of the server
      return;
    }
    this.#pendingMs += busyMs;
    this.#pendingBytes += busyBytes;
    const lateForMs = this.#lateSinceMs === null ? 0 : this.#arrivedMs - this.#lateFromMs;
    const isMeasured = this.#pendingMs >= LEAST_BUSY_MS;
    if (isMeasured) this.#note((this.#pendingBytes * 8) / this.#pendingMs, this.#pendingMs, nowMs);
    else if (lateForMs >= LATE_FOR_MS) this.#note((this.#lateBytes * 8) / lateForMs, lateForMs, nowMs);
    else if (!this.#hasBacklog && this.#lateSinceMs === null && this.#averageKbps !== null && intervalMs > 0) {
      // Without a backlog, the link carries at least this much.
      this.#averageKbps = Math.max(this.#averageKbps, (takenBytes * 8) / intervalMs);
    }
    if (isMeasured || !this.#hasBacklog) this.#pendingMs = this.#pendingBytes = 0;
    if (lateForMs >= LATE_FOR_MS) this.#countLateBytes(this.#arrivedMs);
  }

  /**
   * A message with fragments of a watch has arrived. A watch's first message holds old frames, and is not judged.
   *
   * @param {number} watch
   * @param {{isKey: boolean, startS: number, takenMs: number|null, bytes: number}} fragments
   * @param {number} serverMs the server's clock
   * @param {number} nowMs
   */
  takeFragments(watch, { isKey, startS, takenMs, bytes }, serverMs, nowMs) {
    this.#hear(nowMs);
    const key = this.#keys.get(watch);
    if (isKey && takenMs !== null) this.#keys.set(watch, { startS, takenMs });
    if (!key) return;
    // Only messages that begin with a key frame have a time. Between them, the timeline counts.
    const atMs = takenMs ?? key.takenMs + (startS - key.startS) * 1000;
    const latenessMs = serverMs - atMs;
    const delayMs = Math.min(latenessMs, this.#linkDelayMs(nowMs));
    const linkMs = this.#ofLink(delayMs, LATE_ARRIVAL_MS, nowMs);
    this.#arrivedMs = nowMs;
    if (isKey && takenMs !== null) this.#noteBurst(watch, latenessMs, bytes, nowMs);
    else this.#usualMs.set(watch, Math.min(latenessMs, this.#usualMs.get(watch) ?? Infinity));
    if (delayMs > CALM_ARRIVAL_MS) this.#calmSinceMs = nowMs;
    if (linkMs <= LATE_ARRIVAL_MS) this.#lateSinceMs = null;
    else if (this.#lateSinceMs === null) {
      this.#lateSinceMs = nowMs;
      this.#countLateBytes(nowMs);
    } else this.#lateBytes += bytes;
  }

  /** @param {number} watch */
  forgetWatch(watch) {
    this.#keys.delete(watch);
    this.#usualMs.delete(watch);
  }

  /** The connection is lost: the next one may lead over another link. @param {number} nowMs */
  forget(nowMs) {
    this.#averageKbps = this.#lateSinceMs = null;
    this.#samples = [];
    this.#bursts = [];
    this.#usualMs.clear();
    this.#delayMs = null;
    this.#laggedMs = this.#excusedMs = -Infinity;
    this.#backlogMs = this.#pendingMs = this.#pendingBytes = 0;
    this.#hasBacklog = false;
    this.#keys.clear();
    this.#calmSinceMs = nowMs;
  }

  /** @param {number} serverLagMs @param {number} nowMs */
  #noteLag(serverLagMs, nowMs) {
    if (serverLagMs < BUSY_LAG_MS) return;
    this.#serverLagMs = serverLagMs;
    this.#laggedMs = nowMs;
  }

  /** The lag of a server that is busy, 0 if it is not. @param {number} nowMs */
  #lagAt(nowMs) {
    return nowMs - this.#laggedMs < LAG_KEPT_MS ? this.#serverLagMs : 0;
  }

  /** The part of a lateness that the server's lag does not explain. @param {number} lateMs @param {number} limitMs @param {number} nowMs */
  #ofLink(lateMs, limitMs, nowMs) {
    const linkMs = Math.max(0, lateMs - LAGS_OF_A_MESSAGE * this.#lagAt(nowMs));
    if (lateMs > limitMs && linkMs <= limitMs) this.#excusedMs = nowMs;
    return linkMs;
  }

  /** At most so much of a frame's lateness is due to the link. A report that does not come is late. @param {number} nowMs */
  #linkDelayMs(nowMs) {
    return this.#delayMs === null ? Infinity : Math.max(this.#delayMs, nowMs - this.#pacedMs - PACE_EVERY_MS);
  }

  /** True if anything came a moment ago. The server sends `pace` once a second. @param {number} nowMs */
  #isHeard(nowMs) {
    return nowMs - this.#heardMs < FRESH_MS;
  }

  /** Something has arrived. The time without any report was no calm. @param {number} nowMs */
  #hear(nowMs) {
    if (!this.#isHeard(nowMs)) this.#calmSinceMs = nowMs;
    this.#heardMs = nowMs;
  }

  /** @param {number} nowMs */
  #isLate(nowMs) {
    if (this.#backlogMs > LATE_BACKLOG_MS && nowMs - this.#pacedMs < FRESH_MS) return true;
    return this.#lateSinceMs !== null && nowMs - this.#lateSinceMs >= LATE_FOR_MS && nowMs - this.#arrivedMs < FRESH_MS;
  }

  /** True if messages wait for the link. @param {number} nowMs */
  #isFull(nowMs) {
    return this.#hasBacklog && nowMs - this.#pacedMs < FRESH_MS;
  }

  /** @param {number} kbps @param {number} overMs @param {number} nowMs */
  #note(kbps, overMs, nowMs) {
    const weight = 1 - Math.exp(-overMs / SMOOTHED_OVER_MS);
    this.#averageKbps = this.#averageKbps === null ? kbps : this.#averageKbps + weight * (kbps - this.#averageKbps);
    const isSlower = kbps < (this.#recentKbps(nowMs) ?? 0) * SLOWER_SHARE;
    this.#samples = [...(isSlower ? [] : this.#samplesAt(nowMs)), { atMs: nowMs, overMs, kbps }];
  }

  /** @param {number} nowMs */
  #samplesAt(nowMs) {
    return this.#samples.filter(({ atMs }) => nowMs - atMs <= MEASURED_OVER_MS);
  }

  /** The rate of the last samples, null without any. A single one may be an accident. @param {number} nowMs */
  #recentKbps(nowMs) {
    let [overMs, bits] = [0, 0];
    for (const sample of this.#samplesAt(nowMs).reverse()) {
      if (overMs >= RECENT_MS) break;
      overMs += sample.overMs;
      bits += sample.overMs * sample.kbps;
    }
    return overMs > 0 ? bits / overMs : null;
  }

  /** The rate at which late media arrives; null while it is unknown. The server's reports come behind that media. @param {number} nowMs */
  #lateKbps(nowMs) {
    const forMs = this.#arrivedMs - this.#lateFromMs;
    const isMeasured = this.#lateSinceMs !== null && nowMs - this.#lateFromMs >= LATE_FOR_MS && forMs > 0;
    return isMeasured ? (this.#lateBytes * 8) / forMs : null;
  }

  /** @param {number} nowMs */
  #countLateBytes(nowMs) {
    this.#lateBytes = 0;
    this.#lateFromMs = nowMs;
  }
}
