// @ts-check
import { setText } from './dom.js';

const MARGIN_PX = 6;

/** The larger picture of the time under the pointer or the focus. Screen readers get the time from the focused element. */
export class ThumbnailPopup {
  element = document.createElement('div');
  #place = document.createElement('span');
  #time = document.createElement('span');
  #home;

  /** @param {HTMLElement} home positioned; gets the popup */
  constructor(home) {
    this.#home = home;
    this.element.className = 'thumbnail-popup';
    this.element.hidden = true;
    this.element.setAttribute('aria-hidden', 'true');
    this.#place.className = 'thumbnail-picture';
    this.element.append(this.#place, this.#time);
    home.append(this.element);
  }

  /**
   * @param {HTMLImageElement|null} image null: an empty frame while it loads
   * @param {{text: string, isExact: boolean}} how `isExact`: false for the nearest image that is there already
   */
  show(image, { text, isExact }) {
    const shown = this.#place.firstElementChild;
    if (image !== shown) this.#place.replaceChildren(...(image ? [image] : []));
    setText(this.#time, text);
    this.element.toggleAttribute('data-near', image !== null && !isExact);
    this.element.hidden = false;
  }

  /** Place it above an element, or below if the window has no space there. @param {DOMRect} target @param {number} x from the window's left edge */
  moveTo(target, x) {
    const home = this.#home.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const left = Math.max(0, Math.min(home.width - width, x - home.left - width / 2));
    const isAbove = target.top - height - MARGIN_PX > 0;
    const top = isAbove ? target.top - height - MARGIN_PX : target.bottom + MARGIN_PX;
    this.element.style.setProperty('--popup-x', `${left}px`);
    this.element.style.setProperty('--popup-y', `${top - home.top}px`);
  }

  hide() {
    this.element.hidden = true;
    this.#place.replaceChildren();
  }
}
