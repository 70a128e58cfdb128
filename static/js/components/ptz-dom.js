// @ts-check
/** Elements of the camera controls. They are made here, not in the page, so that other channels' pages do not carry them. */
import { icon } from './dom.js';

/** Time that a click of a screen reader holds a button. */
const CLICK_MS = 400;

/**
 * Make an element. Texts are set as text, never as markup.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string|number|boolean|null>} [attributes] true is an empty attribute; null and false leave it out
 * @param {...(Node|string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children);
  return element;
}

/**
 * Make a button.
 *
 * @param {string} text shown, or the name of an icon's button
 * @param {() => void} work
 * @param {{icon?: string, className?: string, label?: string}} [how] `label`: a longer name for screen readers
 */
export function makeButton(text, work, { icon: name = '', className = 'button small', label = '' } = {}) {
  const button = make('button', { type: 'button', class: className, 'aria-label': name ? text : label || null });
  if (name) {
    button.append(icon(name));
    button.title = text;
  } else button.append(text);
  button.addEventListener('click', work);
  return button;
}

/**
 * Let a button act while it is held: by pointer, by Enter or Space, and for a moment by a click of a screen reader.
 *
 * @param {HTMLButtonElement} button
 * @param {{hold: () => void, release: () => void}} work
 */
export function holdButton(button, { hold, release }) {
  /** @type {number|'key'|null} */
  let holder = null;
  let lastMs = -Infinity;
  const end = () => {
    if (holder === null) return;
    holder = null;
    lastMs = performance.now();
    button.removeAttribute('data-held');
    release();
  };
  /** @param {number|'key'} by */
  const begin = (by) => {
    if (holder !== null) return;
    holder = by;
    button.setAttribute('data-held', '');
    hold();
  };
  button.setAttribute('data-hold', '');
  button.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || holder !== null) return;
    begin(event.pointerId);
    button.setPointerCapture(event.pointerId);
  });
  for (const type of /** @type {const} */ (['pointerup', 'pointercancel', 'lostpointercapture'])) {
    button.addEventListener(type, (event) => event.pointerId === holder && end());
  }
  button.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    if (!event.repeat) begin('key');
  });
  button.addEventListener('keyup', (event) => (event.key === 'Enter' || event.key === ' ') && end());
  button.addEventListener('blur', end);
  button.addEventListener('click', (event) => {
    // A click without pointer or key comes from a screen reader.
    if (event.detail !== 0 || holder !== null || performance.now() - lastMs < CLICK_MS) return;
    begin('key');
    setTimeout(end, CLICK_MS);
  });
  button.addEventListener('contextmenu', (event) => event.preventDefault()); // a long touch
  return { button, halt: end };
}

/**
 * Make a form for one name, which stands in place of a row.
 *
 * @param {{label: string, value?: string, submit: string}} texts
 * @param {(name: string) => void} save
 * @param {() => void} cancel
 */
export function nameForm({ label, value = '', submit }, save, cancel) {
  const input = make('input', {
    type: 'text',
    'aria-label': label,
    placeholder: label,
    maxlength: 64,
    value,
    required: true,
    autocomplete: 'off',
  });
  const form = make('form', { class: 'ptz-name' }, input, make('button', { type: 'submit', class: 'button small primary' }, submit));
  form.append(makeButton('Cancel', cancel));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const name = input.value.trim();
    if (name) save(name);
  });
  form.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    event.preventDefault();
    cancel();
  });
  queueMicrotask(() => input.select());
  return form;
}
