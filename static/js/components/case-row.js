// @ts-check
import { caseFacts, packageReason, packageShare, packageState } from '../lib/case-text.js';
import { emit, part, setAttribute, setText } from './dom.js';

/** @typedef {import('../lib/case-types.js').Case} Case */

/** A row of the list of evidence packages. Emits 'case-make' and 'case-delete' with the case. */
export class CaseRow extends HTMLElement {
  /** @type {Case|null} */
  #case = null;
  #isWired = false;

  connectedCallback() {
    if (this.#isWired) return;
    this.#isWired = true;
    for (const name of ['make', 'delete']) {
      part(this, name, HTMLElement).addEventListener('click', () => emit(this, `case-${name}`, this.#case));
    }
  }

  /** @param {Case} item */
  show(item) {
    this.#case = item;
    const { text, tone } = packageState(item);
    this.dataset.state = item.package.state;
    setText(part(this, 'title', HTMLElement), item.name);
    const state = part(this, 'state', HTMLElement);
    setText(state, text);
    setAttribute(state, 'data-tone', tone === 'quiet' ? null : tone);
    setText(part(this, 'facts', HTMLElement), caseFacts(item));
    this.#showText('notes', item.notes);
    this.#showText('reason', packageReason(item));
    const share = packageShare(item);
    part(this, 'progress', HTMLElement).hidden = share === null;
    const bar = part(this, 'bar', HTMLProgressElement);
    bar.value = share ?? 0;
    setAttribute(bar, 'aria-label', `Progress of the package ${item.name}`);
    const download = part(this, 'download', HTMLAnchorElement);
    download.hidden = !item.package.url;
    setAttribute(download, 'href', item.package.url);
    setAttribute(download, 'aria-label', `Download: ${item.name}`);
    const make = part(this, 'make', HTMLButtonElement);
    const hadFocus = make === document.activeElement;
    make.hidden = !item.exports.length || item.package.state === 'making' || item.package.state === 'ready';
    if (hadFocus && make.hidden) this.focus();
    setAttribute(make, 'aria-label', `Make the package: ${item.name}`);
    setAttribute(part(this, 'delete', HTMLButtonElement), 'aria-label', `Delete: ${item.name}`);
  }

  /** @param {string} name @param {string} text */
  #showText(name, text) {
    const element = part(this, name, HTMLElement);
    setText(element, text);
    element.hidden = !text;
  }
}

customElements.define('case-row', CaseRow);
