// @ts-check
import { CommandPacer, TIMEOUT_S } from '../lib/command-pacer.js';
import { HeldKeys, ptzKeyOf } from '../lib/ptz-keys.js';
import { STILL, isSameVelocity, isStill, sumOf } from '../lib/ptz-motion.js';
import { moverText, ptzProblem } from '../lib/ptz-text.js';
import { icon, setText } from './dom.js';
import { holdButton, make, makeButton } from './ptz-dom.js';
import { PtzGamepad } from './ptz-gamepad.js';
import { PtzLayer } from './ptz-layer.js';
import { PtzPad } from './ptz-pad.js';
import { PtzPanel } from './ptz-panel.js';

export { PtzApi } from '../lib/ptz-api.js';

/**
 * @typedef {import('../lib/ptz-motion.js').Velocity} Velocity
 * @typedef {import('../lib/ptz-types.js').Ptz} Ptz
 * @typedef {object} ModeOptions
 * @property {import('../lib/ptz-api.js').PtzApi} api
 * @property {Ptz} abilities
 * @property {boolean} moves false: only the panel is shown
 * @property {() => {width: number, height: number}} pictureSize
 * @property {boolean} mayManage
 * @property {(title: string, text: string, yes: string) => Promise<boolean>} confirm
 * @property {(text: string, tone?: 'good'|'bad') => void} toast
 * @property {() => void} leave
 * @property {{speed: string|null, setSpeed: (name: string) => void}} memory
 */

/** @type {Record<string, number>} */
const SPEEDS = { slow: 0.25, normal: 0.5, fast: 1 };
const LOOK_MS = 2000;

/** The controls of one channel over its picture, while the control mode is on. `element` goes over the picture. */
export class PtzMode {
  #options;
  #pacer;
  #panel;
  /** The speeds that pad, keys, buttons, wheel, gamepad and focus ask for now. @type {Map<string, Velocity>} */
  #held = new Map();
  #keys = new HeldKeys();
  #pad;
  #layer;
  #gamepad;
  /** @type {(() => void)[]} */
  #halts = [];
  #note = make('p', { class: 'ptz-note', role: 'status', hidden: true });
  #noteText = make('span');
  #noteButton;
  #panelButton;
  #speed;
  #wires = new AbortController();
  /** @type {ReturnType<typeof setTimeout>|null} */
  #looking = null;
  /** The failure that was shown last. */
  #shownProblem = '';

  /** @param {ModeOptions} options */
  constructor(options) {
    this.#options = options;
    const { api, abilities } = options;
    this.#pacer = new CommandPacer({
      send: (/** @type {Velocity} */ velocity) => api.move(velocity, TIMEOUT_S).then(() => this.#hideNote()),
      stop: () => api.stop(),
      isSame: isSameVelocity,
      onProblem: (error) => this.#problem(error),
    });
    const speed = () => SPEEDS[this.#speed.value] ?? 0.5;
    /** @param {string} source @returns {(velocity: Velocity|null) => void} */
    const from = (source) => (velocity) => this.#hold(source, velocity);
    this.#speed = this.#speedSelect();
    this.#pad = new PtzPad(from('pad'), speed);
    this.#gamepad = new PtzGamepad(from('gamepad'), speed);
    this.#layer = new PtzLayer({
      move: from('picture'),
      speed,
      center: abilities.center ? (place) => void this.#command(() => api.center(place)) : null,
      zooms: abilities.zoom,
      pictureSize: options.pictureSize,
    });
    this.#panel = new PtzPanel(
      {
        ...options,
        run: (work) => this.#run(work),
        command: (work) => this.#command(work),
        hold: (source, velocity) => this.#hold(source, velocity),
      },
      () => this.#leave(),
      () => (this.#panelButton.hidden = this.#panel.isEmpty),
    );
    this.#noteButton = makeButton('Take over', () => void this.#takeOver(), { className: 'button small on-dark' });
    this.#note.append(icon('user'), this.#noteText, this.#noteButton);
    this.#panelButton = makeButton('Presets and settings', () => this.#showPanel(this.#panel.element.hidden === true), {
      icon: 'layouts',
      className: 'ptz-round',
    });
    this.#panelButton.setAttribute('aria-expanded', 'false');
    this.#panelButton.hidden = this.#panel.isEmpty;
    this.#panel.element.hidden = true;
    const parts = [this.#note, this.#panel.element];
    if (options.moves) parts.unshift(this.#layer.element);
    if (options.moves) parts.push(this.#dock());
    this.element = make('div', { class: 'ptz', 'data-panel': false, 'data-pans': abilities.pan_tilt }, ...parts);
    // The page below acts on presses, clicks and double clicks of the picture.
    for (const type of ['pointerdown', 'click', 'dblclick', 'contextmenu']) {
      this.element.addEventListener(type, (event) => event.stopPropagation());
    }
  }

  /** Listen to keys, gamepads and to the end of the page. */
  start() {
    const { signal } = this.#wires;
    const halt = () => this.halt();
    window.addEventListener('blur', halt, { signal });
    window.addEventListener('pagehide', halt, { signal });
    document.addEventListener('visibilitychange', () => document.hidden && this.halt(), { signal });
    // Before the keys of the page, which leave handled events alone.
    document.addEventListener('keydown', (event) => this.#keyDown(event), { signal, capture: true });
    document.addEventListener('keyup', (event) => this.#keyUp(event), { signal, capture: true });
    if (this.#options.moves) {
      this.#gamepad.start();
      void this.#look();
    } else {
      this.#showPanel(true);
      this.#panel.focus();
    }
  }

  /** Stop the movement and take everything away. */
  close() {
    this.halt();
    this.#gamepad.stop();
    this.#wires.abort();
    if (this.#looking !== null) clearTimeout(this.#looking);
    this.#looking = null;
    this.element.remove();
  }

  /** Release pad, keys and buttons: they act again only after another press. */
  halt() {
    this.#held.clear(); // first: each release below would move on at the sum of the others
    this.#pad.halt();
    this.#layer.halt();
    this.#gamepad.halt();
    this.#panel.halt();
    this.#keys.clear();
    for (const each of this.#halts) each();
    this.#pacer.set(null);
  }

  // ── Moving ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {string} source @param {Velocity|null} velocity null: released */
  #hold(source, velocity) {
    if (velocity === null) this.#held.delete(source);
    else this.#held.set(source, velocity);
    if (!this.#held.size) this.#pacer.set(null);
    else {
      const { pan_tilt: turns, zoom: zooms, focus: focuses } = this.#options.abilities;
      const { pan, tilt, zoom, focus } = sumOf(this.#held.values());
      const sum = { pan: turns ? pan : 0, tilt: turns ? tilt : 0, zoom: zooms ? zoom : 0, focus: focuses ? focus : 0 };
      // The pad's middle, and keys in opposite directions, stand still.
      if (!isStill(sum)) this.#pacer.set(sum);
      else if (this.#pacer.isMoving) this.#pacer.set(null);
    }
  }

  /** @template T @param {() => Promise<T>} work @returns {Promise<T|null>} */
  async #run(work) {
    try {
      return await work();
    } catch (error) {
      this.#problem(error);
      return null;
    }
  }

  /**
   * Send a command that replaces a movement, unless a newer one comes before it is sent.
   *
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T|null>}
   */
  async #command(work) {
    if (!(await this.#pacer.supersede())) return null;
    const answer = await this.#run(work);
    if (answer !== null) this.#hideNote();
    return answer;
  }

  /** Stop everything: a movement, a way to a preset, a tour. */
  async #stop() {
    const stopping = this.#pacer.stop(); // before halt(), which then sends no other stop
    this.halt();
    await stopping;
    this.#lookSoon(0);
  }

  // ── Messages ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {unknown} error */
  #problem(error) {
    const { text, isInUse } = ptzProblem(error);
    if (isInUse) this.#showNote(text);
    else this.#options.toast(text, 'bad');
    this.#shownProblem = text;
    this.#lookSoon();
  }

  /** @param {string} text */
  #showNote(text) {
    setText(this.#noteText, text);
    this.#noteButton.hidden = !this.#options.mayManage;
    this.#note.hidden = false;
  }

  #hideNote() {
    this.#note.hidden = true;
  }

  async #takeOver() {
    const { api, toast } = this.#options;
    const done = await this.#run(() => api.stop({ takeOver: true }));
    if (done === null) return;
    api.takesOver = true;
    this.#hideNote();
    toast('You can move the camera now.');
  }

  #lookSoon(ms = LOOK_MS) {
    if (this.#looking !== null) clearTimeout(this.#looking);
    this.#looking = this.#wires.signal.aborted ? null : setTimeout(() => void this.#look(), ms);
  }

  /** Show the mover, if that is another user, and the running tour. */
  async #look() {
    if (!document.hidden) {
      const view = await this.#options.api.view().catch(() => null);
      if (view && !this.#wires.signal.aborted) {
        const text = moverText(view.mover);
        if (text && !this.#options.api.takesOver) this.#showNote(text);
        else this.#hideNote();
        this.#showFailure(view.error);
        this.#panel.runningTour = view.tour_id;
        this.element.toggleAttribute('data-tour', view.tour_id !== null);
      }
    }
    this.#lookSoon();
  }

  /** Show the failure of a command whose answer did not wait for the device. @param {Ptz['error']} error */
  #showFailure(error) {
    const text = error?.detail ?? '';
    if (text && text !== this.#shownProblem) this.#options.toast(text, 'bad');
    this.#shownProblem = text;
  }

  // ── Keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    const target = event.target instanceof Element ? event.target : null;
    if (event.metaKey) this.#liftKeys(); // no keyup follows for keys that are held with Meta
    if (document.querySelector('dialog[open], [popover]:popover-open') || event.defaultPrevented) return;
    if (target?.closest('input:not([type="checkbox"]), textarea, select')) return;
    const key = ptzKeyOf(event);
    if (key === null || (key !== 'leave' && !this.#options.moves)) return;
    event.preventDefault();
    if (key === 'leave') this.#leave();
    else if (event.repeat && !(typeof key === 'string' && this.#keys.has(event))) return;
    else if (key === 'home') void this.#home();
    else if (typeof key === 'number') void this.#panel.goToPreset(key);
    else if (!event.repeat) {
      this.#keys.press(event, key);
      this.#holdKeys();
    }
  }

  /** @param {KeyboardEvent} event */
  #keyUp(event) {
    if (event.key === 'Meta') this.#liftKeys();
    else if (this.#keys.lift(event)) this.#holdKeys();
  }

  #liftKeys() {
    this.#keys.clear();
    this.#holdKeys();
  }

  #holdKeys() {
    const velocity = this.#keys.velocity(SPEEDS[this.#speed.value] ?? 0.5);
    this.#hold('keys', isStill(velocity) ? null : velocity);
  }

  /** Escape: the panel first, then the mode. In full screen the browser leaves that. */
  #leave() {
    if (this.#panel.element.hidden || !this.#options.moves) this.#options.leave();
    else this.#showPanel(false);
  }

  async #home() {
    const { abilities, api, toast } = this.#options;
    if (abilities.home && (await this.#command(() => api.goHome()))) toast('Going to the home position');
  }

  // ── Elements ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #dock() {
    const { abilities } = this.#options;
    const side = make('div', { class: 'ptz-side' });
    if (abilities.zoom) {
      side.append(this.#zoomButton('Zoom in', 'plus', 1), this.#zoomButton('Zoom out', 'minus', -1));
    }
    const stop = makeButton('Stop the camera', () => void this.#stop(), { icon: 'stop', className: 'ptz-round ptz-stop' });
    side.append(stop);
    side.append(this.#panelButton);
    const dock = make('div', { class: 'ptz-dock', role: 'group', 'aria-label': 'Camera control' });
    dock.append(side);
    if (abilities.pan_tilt) dock.append(this.#pad.element);
    dock.append(this.#speed);
    return dock;
  }

  /** @param {string} text @param {string} name @param {number} direction */
  #zoomButton(text, name, direction) {
    const button = makeButton(text, () => {}, { icon: name, className: 'ptz-round' });
    const hold = () => this.#hold(name, { ...STILL, zoom: direction * (SPEEDS[this.#speed.value] ?? 0.5) });
    const { halt } = holdButton(button, { hold, release: () => this.#hold(name, null) });
    this.#halts.push(halt);
    return button;
  }

  #speedSelect() {
    const { memory } = this.#options;
    const select = make('select', { class: 'ptz-speed', 'aria-label': 'Speed' });
    for (const name of Object.keys(SPEEDS)) select.append(make('option', { value: name }, `${name[0]?.toUpperCase()}${name.slice(1)}`));
    select.value = memory.speed && Object.hasOwn(SPEEDS, memory.speed) ? memory.speed : 'normal';
    select.addEventListener('change', () => memory.setSpeed(select.value));
    return select;
  }

  /** @param {boolean} isShown */
  #showPanel(isShown) {
    const { element } = this.#panel;
    const hadFocus = element.contains(document.activeElement);
    element.hidden = !isShown;
    this.element.toggleAttribute('data-panel', isShown);
    this.#panelButton.setAttribute('aria-expanded', String(isShown));
    if (isShown) this.#panel.open();
    else if (hadFocus) this.#panelButton.focus();
  }
}
