// @ts-check
/** The quality of a replay: looks at the link while media plays, and tells the session what to request. */
import { ReplayQuality } from '../lib/replay-quality.js';
import { RunEngine } from './run-engine.js';

/** @typedef {import('./replay-engines.js').ReplayEngine} ReplayEngine */

export class ReplayLink {
  #quality = new ReplayQuality();
  /** @type {import('../lib/replay-session.js').ReplaySession|null} */
  #session = null;
  /** @type {Pick<import('../lib/link-monitor.js').LinkMonitor, 'stateAt'>|null} */
  #monitor = null;

  /**
   * @param {import('../lib/replay-session.js').ReplaySession} session
   * @param {Pick<import('../lib/link-monitor.js').LinkMonitor, 'stateAt'>|null} monitor null: the media comes over HLS, and the link is
   *   not measured
   */
  connect(session, monitor) {
    this.#session = session;
    this.#monitor = monitor;
    this.#apply();
  }

  get choice() {
    return this.#quality.choice;
  }

  /** True if the link carries less than the present quality needs, and the loaded media ends soon. */
  get isShort() {
    return this.#quality.isShort;
  }

  /** Pin a quality, or let the bandwidth choose it ('auto'). Return true if another one is to be requested. @param {string} choice */
  choose(choice) {
    const before = this.#quality.rung;
    this.#quality.choice = /** @type {import('../lib/replay-quality.js').Choice} */ (choice);
    this.#apply();
    return this.#quality.rung !== before;
  }

  /** Other media was loaded. */
  restart() {
    this.#quality.restart();
  }

  /** Another channel plays. */
  forget() {
    this.#quality.forget();
    this.#apply();
  }

  /**
   * Return true if another quality is to be requested. Only media that comes over the socket is judged.
   *
   * @param {{engine: ReplayEngine|null, isPlaying: boolean, rate: number}} now
   */
  look({ engine, isPlaying, rate }) {
    const session = this.#session;
    const { stream = null, problem = null, isBusy = false } = session ?? {};
    if (stream && !isBusy) {
      this.#quality.source = { hasSub: stream.has_sub_recording === true, played: stream.replay_quality };
    }
    const nowMs = Date.now();
    const supply = engine instanceof RunEngine && !engine.isComplete ? engine.supply : null;
    let hasChanged = false;
    if (problem && !isBusy) hasChanged = this.#quality.refuse(problem.code, nowMs);
    else if (!supply || !this.#monitor || !isPlaying) this.#quality.restart();
    else hasChanged = this.#quality.look({ ...supply, nowMs, rate, link: this.#monitor.stateAt(performance.now()) });
    if (hasChanged) this.#apply();
    return hasChanged;
  }

  /** The quality on screen and its reason; '' for the full recording. @param {ReplayEngine|null} engine */
  text(engine) {
    return this.#quality.text(engine instanceof RunEngine ? engine.spacingS : 0);
  }

  #apply() {
    if (this.#session) this.#session.wantedQuality = this.#quality.wanted;
  }
}
