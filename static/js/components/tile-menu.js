// @ts-check
import { emit, part, setAttribute, setText } from './dom.js';

/**
 * @typedef {{hidden?: boolean, disabled?: boolean, checked?: boolean, text?: string}} ItemState
 */

/**
 * A popup menu whose buttons and links have `data-action`. `openAt()` shows it. Emits 'menu-action' with the chosen
 * action and 'menu-closed'. Arrow keys move in it; Esc and a press outside close it.
 */
export class TileMenu extends HTMLElement {
  /** @type {AbortController|null} */
  #wires = null;

  connectedCallback() {
    this.#wires = new AbortController();
    const { signal } = this.#wires;
    this.addEventListener('click', (event) => this.#click(event), { signal });
    this.addEventListener('keydown', (event) => this.#key(event), { signal });
    this.addEventListener('contextmenu', (event) => event.preventDefault(), { signal });
    this.addEventListener('toggle', (event) => /** @type {ToggleEvent} */ (event).newState === 'closed' && emit(this, 'menu-closed'), {
      signal,
    });
  }

  disconnectedCallback() {
    this.#wires?.abort();
  }

  get isOpen() {
    return this.matches(':popover-open');
  }

  /**
   * @param {{x: number, y: number}} at
   * @param {string} title name of the tile
   * @param {Record<string, ItemState>} items by action; items that are missing here stay unchanged
   * @param {string} note
   */
  openAt({ x, y }, title, items, note) {
    setText(part(this, 'title', HTMLElement), title);
    setAttribute(this, 'aria-label', title);
    for (const item of this.#items()) {
      const state = items[item.dataset.action ?? ''];
      if (!state) continue;
      item.hidden = state.hidden ?? false;
      setAttribute(item, 'aria-disabled', state.disabled ? 'true' : null);
      if (state.checked !== undefined) setAttribute(item, 'aria-checked', String(state.checked));
      if (state.text !== undefined) setText(part(item, 'text', HTMLElement), state.text);
    }
    setText(part(this, 'note', HTMLElement), note);
    if (!this.isOpen) this.showPopover();
    const { width, height } = this.getBoundingClientRect();
    this.style.left = `${Math.max(8, Math.min(x, window.innerWidth - width - 8))}px`;
    this.style.top = `${Math.max(8, Math.min(y, window.innerHeight - height - 8))}px`;
    this.#shown()[0]?.focus();
  }

  close() {
    if (this.isOpen) this.hidePopover();
  }

  #items() {
    return /** @type {HTMLElement[]} */ ([...this.querySelectorAll('[data-action]')]);
  }

  #shown() {
    return this.#items().filter((item) => item.offsetParent !== null || item.getClientRects().length > 0);
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const item = event.target instanceof Element ? event.target.closest('[data-action]') : null;
    if (!(item instanceof HTMLElement)) return;
    if (item.getAttribute('aria-disabled') === 'true') {
      event.preventDefault();
      return;
    }
    this.close();
    emit(this, 'menu-action', item.dataset.action);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const items = this.#shown();
    const at = items.findIndex((item) => item === document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? items.length - 1 : at - 1, Home: 0, End: items.length - 1 }[event.key];
    // The wall behind the menu must not get its keys.
    event.stopPropagation();
    if (event.key === 'Tab') event.preventDefault();
    if (to === undefined) return;
    event.preventDefault();
    items[(to + items.length) % items.length]?.focus();
  }
}

customElements.define('tile-menu', TileMenu);
