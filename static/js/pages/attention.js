// @ts-check
/** Finds out if the user looks at the page. */

const HIDDEN_END_MS = 60_000;
const SLEPT_MS = 10_000;
const TICK_MS = 500;
const REST_MS = 3000;

/**
 * Emits
 *   'asleep'   the tab has been hidden and silent for a while: the page should leave its streams
 *   'awake'    the tab is visible again, the network is back, or the machine woke up
 *   'leaving'  the page is being closed; the browser may restore it, then 'awake' follows
 */
export class Attention extends EventTarget {
  #isAudible;
  #isAsleep = false;
  #wokenAtMs = Date.now();
  /** @type {ReturnType<typeof setTimeout>|null} */
  #hiddenTimer = null;

  /** @param {{isAudible?: () => boolean}} [options] `isAudible`: true if the page plays audio; then it never sleeps */
  constructor({ isAudible = () => false } = {}) {
    super();
    this.#isAudible = isAudible;
    document.addEventListener('visibilitychange', () => this.#seen());
    // A hidden tab stays asleep when the network comes back.
    window.addEventListener('online', () => !this.#isAsleep && this.#emit('awake'));
    window.addEventListener('pagehide', () => this.#emit('leaving'));
    window.addEventListener('pageshow', (event) => event.persisted && this.#emit('awake'));
    setInterval(() => this.#tick(), TICK_MS);
  }

  #seen() {
    if (this.#hiddenTimer !== null) clearTimeout(this.#hiddenTimer);
    if (!document.hidden) this.#emit('awake');
    else if (!this.#isAudible()) this.#hiddenTimer = setTimeout(() => this.#emit('asleep'), HIDDEN_END_MS);
  }

  #tick() {
    // A clock that jumped means that the machine slept.
    const now = Date.now();
    if (now - this.#wokenAtMs > SLEPT_MS && !document.hidden) this.#emit('awake');
    this.#wokenAtMs = now;
  }

  /** @param {'asleep'|'awake'|'leaving'} type */
  #emit(type) {
    this.#isAsleep = type !== 'awake';
    this.dispatchEvent(new Event(type));
  }
}

/** Set `data-resting` while the pointer rests: then the bars are hidden in full screen. @param {HTMLElement} stage */
export function hideBarsAtRest(stage) {
  /** @type {ReturnType<typeof setTimeout>|null} */
  let timer = null;
  const awake = () => {
    if (timer !== null) clearTimeout(timer);
    delete stage.dataset.resting;
    timer = setTimeout(() => (stage.dataset.resting = ''), REST_MS);
  };
  for (const type of ['pointermove', 'pointerdown', 'keydown', 'focusin']) stage.addEventListener(type, awake);
  document.addEventListener('fullscreenchange', awake);
}
