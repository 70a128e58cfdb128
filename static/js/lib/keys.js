// @ts-check
/** Keyboard shortcuts of the viewer and of the wall. */

/**
 * @typedef {'toggle'|'fullscreen'|'mute'|'snapshot'|'help'|'escape'|'previous'|'next'|'grid'|'live'|'quality'|'auto'
 *   |'zoom_in'|'zoom_out'|'zoom_reset'|'recordings'|'ago'|'control'} KeyAction
 * @typedef {'full'|'escape'|'left'|'right'|'up'|'down'|'remove'|'toggle'|'mute'|'snapshot'|'ago'|'recordings'
 *   |'fullscreen'|'picker'|'zoom_in'|'zoom_out'|'zoom_reset'|'help'|'control'} WallAction
 * @typedef {{key: string, ctrlKey?: boolean, altKey?: boolean, metaKey?: boolean}} Pressed
 */

/** @type {Record<string, KeyAction>} */
const ACTIONS = {
  ' ': 'toggle',
  k: 'toggle',
  f: 'fullscreen',
  m: 'mute',
  s: 'snapshot',
  '?': 'help',
  Escape: 'escape',
  ArrowLeft: 'previous',
  ArrowUp: 'previous',
  ArrowRight: 'next',
  ArrowDown: 'next',
  g: 'grid',
  l: 'live',
  q: 'quality',
  a: 'auto',
  '+': 'zoom_in',
  '=': 'zoom_in',
  '-': 'zoom_out',
  z: 'zoom_reset',
  r: 'recordings',
  b: 'ago',
  c: 'control',
};

/**
 * J and L do not seek here: live video cannot go forward, and B goes back. L opens the list of channels.
 *
 * @type {Record<string, WallAction>}
 */
const WALL_ACTIONS = {
  Enter: 'full',
  Escape: 'escape',
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
  Delete: 'remove',
  ' ': 'toggle',
  k: 'toggle',
  m: 'mute',
  s: 'snapshot',
  b: 'ago',
  r: 'recordings',
  f: 'fullscreen',
  l: 'picker',
  '+': 'zoom_in',
  '=': 'zoom_in',
  '-': 'zoom_out',
  z: 'zoom_reset',
  c: 'control',
  '?': 'help',
};

/** @param {Pressed} event @returns {KeyAction|null} null with Ctrl, Alt or Meta, whose keys are the browser's */
export function actionOf(event) {
  return lookedUp(ACTIONS, event);
}

/** @param {Pressed} event @returns {WallAction|null} */
export function wallActionOf(event) {
  return lookedUp(WALL_ACTIONS, event);
}

/** @template {string} T @param {Record<string, T>} actions @param {Pressed} event @returns {T|null} */
function lookedUp(actions, event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return null;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return Object.hasOwn(actions, key) ? /** @type {T} */ (actions[key]) : null;
}

/**
 * Digits that are typed as a channel number: 1 and then 2 is channel 12. `feed` returns the number immediately, or null
 * while another digit may follow; `due` returns it then.
 */
export class DigitKeys {
  #typed = '';

  /** @param {string} digit @param {readonly number[]} channels existing numbers @returns {number|null} */
  feed(digit, channels) {
    this.#typed += digit;
    const exact = channels.includes(Number(this.#typed));
    const longer = channels.some((channel) => {
      const text = String(channel);
      return text.length > this.#typed.length && text.startsWith(this.#typed);
    });
    if (longer) return null;
    const wanted = Number(this.#typed);
    this.#typed = '';
    return exact ? wanted : null;
  }

  /**
   * Return the typed number, because no further digit came; null if it does not exist.
   *
   * @param {readonly number[]} channels
   */
  due(channels) {
    const wanted = Number(this.#typed);
    this.#typed = '';
    return channels.includes(wanted) ? wanted : null;
  }
}

const DIGIT_MS = 900;

/**
 * Return a function that takes typed digits one by one, and calls `choose` with the number once it is complete.
 *
 * @param {() => readonly number[]} numbers returns the existing numbers
 * @param {(number: number) => void} choose
 */
export function numberTyping(numbers, choose) {
  const digits = new DigitKeys();
  /** @type {ReturnType<typeof setTimeout>|null} */
  let timer = null;
  /** @param {number|null} number */
  const chooseIfAny = (number) => {
    if (number !== null) choose(number);
  };
  /** @param {string} digit */
  return (digit) => {
    if (timer !== null) clearTimeout(timer);
    const existing = numbers();
    const number = digits.feed(digit, existing);
    if (number !== null) choose(number);
    else timer = setTimeout(() => chooseIfAny(digits.due(existing)), DIGIT_MS);
  };
}

/** @param {Pressed} event @returns {boolean} */
export function isDigit(event) {
  return /^\d$/.test(event.key) && !event.ctrlKey && !event.altKey && !event.metaKey;
}
