// @ts-check
/**
 * The control mode of the shown channel, on the viewer page and on the wall.
 *
 * The page requests a channel's abilities once, after its first live picture. A channel gets the button if it moves, if
 * it has an iris, lights or relays or, for admins, if it has settings of the picture. A press of the button loads the controls
 * (components/ptz-mode.js and their style sheet).
 */
import { httpOptions, lazyModule, loadStyle, may, remember, remembered, showToast, whenIdle } from './page.js';

/**
 * @typedef {{cameraId: number, number: number, place: HTMLElement, before: Node|null}} Shown `place`: gets the controls,
 *   before its child `before`
 * @typedef {import('../lib/ptz-types.js').Ptz} Ptz
 * @typedef {import('../components/live-player.js').LivePlayer} LivePlayer
 */

/** Pause after a failed request for the abilities. */
const ASK_AGAIN_MS = 15_000;

/** Emits 'mode' when the control mode has begun or ended. */
export class PtzControl extends EventTarget {
  #api;
  #button;
  #confirm;
  #parts = lazyModule(() => Promise.all([script(), loadStyle(document.body.dataset.ptzStyle ?? '')]).then(([parts]) => parts));
  /** @type {Shown|null} */
  #shown = null;
  #key = '';
  /** Abilities by channel; null: asked for. @type {Map<string, Ptz|null>} */
  #known = new Map();
  /** @type {import('../components/ptz-mode.js').PtzMode|null} */
  #mode = null;

  /**
   * @param {import('../lib/api.js').Api} api
   * @param {HTMLElement} button switches the mode
   * @param {(title: string, text: string, yes: string) => Promise<boolean>} confirm
   */
  constructor(api, button, confirm) {
    super();
    this.#api = api;
    this.#button = button;
    this.#confirm = confirm;
    button.addEventListener('click', () => void this.toggle());
  }

  /** @param {number} cameraId @param {number} number */
  isShowing(cameraId, number) {
    return this.#shown?.cameraId === cameraId && this.#shown.number === number;
  }

  get isOn() {
    return this.#mode !== null;
  }

  /** Set the channel on screen, once it shows a live picture; null: none. @param {Shown|null} shown */
  show(shown) {
    const key = shown ? `${shown.cameraId} ${shown.number}` : '';
    if (key === this.#key && shown?.place === this.#shown?.place) return;
    this.#shown = shown;
    this.#key = key;
    this.leave();
    this.#draw();
    if (shown && may('ptz')) whenIdle(() => shown === this.#shown && void this.#ask(shown, key));
  }

  async toggle() {
    if (this.#mode) this.leave();
    else await this.#enter();
  }

  leave() {
    if (!this.#mode) return;
    const hadFocus = this.#mode.element.contains(document.activeElement);
    this.#mode.close();
    this.#mode = null;
    this.#draw();
    if (hadFocus) this.#button.focus();
    this.dispatchEvent(new Event('mode'));
  }

  /** @param {Shown} shown @param {string} key */
  async #ask(shown, key) {
    if (this.#known.has(key)) return;
    const { cameraId, number } = shown;
    this.#known.set(key, null);
    try {
      this.#known.set(key, await this.#api.ptz(cameraId, number));
    } catch {
      this.#known.delete(key);
      setTimeout(() => this.#shown === shown && void this.#ask(shown, key), ASK_AGAIN_MS);
    }
    this.#draw();
  }

  /** The abilities of the shown channel, if the user can do anything with them. */
  get #offered() {
    const abilities = this.#known.get(this.#key);
    if (!abilities) return null;
    const { iris, outputs, imaging } = abilities;
    const isOffered = moves(abilities) || iris !== null || outputs || (imaging && may('manage'));
    return isOffered ? abilities : null;
  }

  async #enter() {
    const [shown, abilities] = [this.#shown, this.#offered];
    if (!shown || !abilities) return;
    const parts = await this.#parts.get();
    if (!parts || this.#mode || shown !== this.#shown) return;
    const { cameraId, number } = shown;
    const mode = new parts.PtzMode({
      api: new parts.PtzApi(document.body.dataset.cameras ?? '', cameraId, number, httpOptions()),
      abilities,
      moves: moves(abilities),
      confirm: this.#confirm,
      pictureSize: () => /** @type {LivePlayer} */ (shown.place.querySelector('live-player')).pictureSize,
      mayManage: may('manage'),
      toast: showToast,
      leave: () => this.leave(),
      memory: { speed: remembered('ptz-speed'), setSpeed: (name) => remember('ptz-speed', name) },
    });
    this.#mode = mode;
    shown.place.insertBefore(mode.element, shown.before);
    mode.start();
    this.#draw();
    this.dispatchEvent(new Event('mode'));
  }

  #draw() {
    const abilities = this.#offered;
    const isMoving = abilities !== null && moves(abilities);
    const name = abilities === null || isMoving ? 'Control the camera' : 'Settings of the camera';
    this.#button.hidden = abilities === null;
    this.#button.setAttribute('aria-label', name);
    this.#button.dataset.tip = `${name}  C`;
    this.#button.setAttribute('aria-pressed', String(this.isOn));
    for (const element of document.querySelectorAll('[data-ptz]')) element.removeAttribute('data-ptz');
    if (this.isOn) this.#shown?.place.setAttribute('data-ptz', isMoving ? 'moves' : 'settings');
  }
}

/** True for a channel with a head, or with a focus that moves. @param {Ptz} abilities */
function moves({ pan_tilt: turns, zoom, presets, focus, home }) {
  return turns || zoom || presets || focus || home;
}

/** Load the controls. @returns {Promise<typeof import('../components/ptz-mode.js')>} */
function script() {
  return import(new URL(document.body.dataset.ptzScript ?? '', window.location.href).href);
}
