// @ts-check
/** Whether somebody looks at the page. */

const HIDDEN_END_MS = 60_000;
const SLEPT_MS = 10_000;
const TICK_MS = 500;
const REST_MS = 3000;

/**
 * Tells
 *   'asleep'   nobody has looked at the tab for a while, nor listened: the devices should get their sessions back
 *   'awake'    somebody looks again, the network is back, or the machine woke
 *   'leaving'  the page goes, maybe to come back with 'awake'
 */
export class Attention extends EventTarget {
  #isHeard;
  #isAsleep = false;
  #wokenAtMs = Date.now();
  /** @type {ReturnType<typeof setTimeout>|null} */
  #hiddenTimer = null;

  /** @param {{isHeard?: () => boolean}} [parts] `isHeard`: whether somebody listens, so that nothing sleeps at all */
  constructor({ isHeard = () => false } = {}) {
    super();
    this.#isHeard = isHeard;
    document.addEventListener('visibilitychange', () => this.#seen());
    // A tab that nobody looks at sleeps on.
    window.addEventListener('online', () => !this.#isAsleep && this.#tell('awake'));
    window.addEventListener('pagehide', () => this.#tell('leaving'));
    window.addEventListener('pageshow', (event) => event.persisted && this.#tell('awake'));
    setInterval(() => this.#tick(), TICK_MS);
  }

  #seen() {
    if (this.#hiddenTimer !== null) clearTimeout(this.#hiddenTimer);
    if (!document.hidden) this.#tell('awake');
    else if (!this.#isHeard()) this.#hiddenTimer = setTimeout(() => this.#tell('asleep'), HIDDEN_END_MS);
  }

  #tick() {
    // A clock that jumped means that the machine slept.
    const now = Date.now();
    if (now - this.#wokenAtMs > SLEPT_MS && !document.hidden) this.#tell('awake');
    this.#wokenAtMs = now;
  }

  /** @param {'asleep'|'awake'|'leaving'} type */
  #tell(type) {
    this.#isAsleep = type !== 'awake';
    this.dispatchEvent(new Event(type));
  }
}

/** In full screen the bars leave when the pointer rests: `data-resting` says so. @param {HTMLElement} stage */
export function wireRest(stage) {
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
