// @ts-check
import { icon, part } from './dom.js';

/** @typedef {'system'|'light'|'dark'} Theme */

/** @type {Theme[]} */
const ORDER = ['system', 'light', 'dark'];
const LABELS = { system: 'Colours: as the system', light: 'Colours: light', dark: 'Colours: dark' };

/** Switches between the system's colours, light and dark, and stores the choice. */
export class ThemeToggle extends HTMLElement {
  /** @type {AbortController|null} */
  #wires = null;

  connectedCallback() {
    this.#wires = new AbortController();
    part(this, 'button', HTMLButtonElement).addEventListener('click', () => this.#next(), { signal: this.#wires.signal });
    this.#draw();
  }

  disconnectedCallback() {
    this.#wires?.abort();
  }

  /** @returns {Theme} */
  get #theme() {
    const chosen = document.documentElement.dataset.theme;
    return chosen === 'light' || chosen === 'dark' ? chosen : 'system';
  }

  #next() {
    const next = /** @type {Theme} */ (ORDER[(ORDER.indexOf(this.#theme) + 1) % ORDER.length]);
    if (next === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      if (next === 'system') localStorage.removeItem('theme');
      else localStorage.setItem('theme', next);
    } catch {
      // Storage may be forbidden: then the choice is lost with the page.
    }
    this.#draw();
  }

  #draw() {
    const button = part(this, 'button', HTMLButtonElement);
    button.setAttribute('aria-label', LABELS[this.#theme]);
    button.dataset.tip = LABELS[this.#theme];
    button.replaceChildren(icon(`theme-${this.#theme}`));
  }
}

customElements.define('theme-toggle', ThemeToggle);
