// @ts-check
import { inOrder, movedBy } from '../lib/channels.js';
import { cloneTemplate, emit, part, setAttribute, setText } from './dom.js';

/** @typedef {import('../lib/api.js').Channel} Channel */

/**
 * Names, order and visibility of the channels, and links to their motion. Emits 'channel-rename' `{channel, name}`, 'channel-hide'
 * `{channel, hidden}` and 'channel-order' with all numbers; the page changes the channels.
 */
export class ChannelEditor extends HTMLElement {
  #list = document.createElement('ul');
  /** @type {Map<number, HTMLElement>} */
  #rows = new Map();
  /** @type {number[]} */
  #order = [];

  connectedCallback() {
    if (!this.#list.isConnected) this.append(this.#list);
  }

  /** @param {Channel[]} channels all channels */
  set channels(channels) {
    const sorted = inOrder(channels);
    this.#order = sorted.map((channel) => channel.channel);
    for (const [number, row] of this.#rows) {
      if (this.#order.includes(number)) continue;
      row.remove();
      this.#rows.delete(number);
    }
    sorted.forEach((channel, index) => {
      const row = this.#rows.get(channel.channel) ?? this.#make(channel.channel);
      this.#update(row, channel, index);
      if (this.#list.children[index] !== row) this.#place(row, index);
    });
  }

  /** Move a row, and keep the focus inside it. @param {HTMLElement} row @param {number} index */
  #place(row, index) {
    const focused = document.activeElement;
    this.#list.insertBefore(row, this.#list.children[index] ?? null);
    if (focused instanceof HTMLElement && row.contains(focused)) focused.focus();
  }

  /** @param {number} number */
  #make(number) {
    const row = part(cloneTemplate('channel-row'), 'row', HTMLElement);
    const name = part(row, 'name', HTMLInputElement);
    name.addEventListener('change', () => emit(this, 'channel-rename', { channel: number, name: name.value.trim() }));
    name.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') name.blur();
      if (event.key === 'Escape') {
        name.value = row.dataset.name ?? '';
        name.blur();
        event.stopPropagation();
      }
    });
    part(row, 'up', HTMLElement).addEventListener('click', () => this.#move(number, -1));
    part(row, 'down', HTMLElement).addEventListener('click', () => this.#move(number, 1));
    part(row, 'visible', HTMLElement).addEventListener('click', () => {
      emit(this, 'channel-hide', { channel: number, hidden: !row.hasAttribute('data-hidden') });
    });
    this.#rows.set(number, row);
    return row;
  }

  /** @param {HTMLElement} row @param {Channel} channel @param {number} index */
  #update(row, channel, index) {
    setText(part(row, 'number', HTMLElement), String(channel.channel));
    const name = part(row, 'name', HTMLInputElement);
    row.dataset.name = channel.name;
    if (document.activeElement !== name) name.value = channel.name;
    setAttribute(name, 'aria-label', `Name of channel ${channel.channel}`);
    setAttribute(row, 'data-hidden', channel.hidden);
    const motion = part(row, 'motion', HTMLAnchorElement);
    const { motionPage = '', cameraId = '' } = document.body.dataset;
    setAttribute(motion, 'href', `${motionPage}${cameraId}/${channel.channel}`);
    setAttribute(motion, 'aria-label', `Motion of ${channel.name}`);
    const up = part(row, 'up', HTMLElement);
    const down = part(row, 'down', HTMLElement);
    setAttribute(up, 'aria-label', `Move ${channel.name} up`);
    setAttribute(down, 'aria-label', `Move ${channel.name} down`);
    // aria-disabled keeps the focus where it is when a row arrives at the end.
    setAttribute(up, 'aria-disabled', index === 0 ? 'true' : null);
    setAttribute(down, 'aria-disabled', index === this.#order.length - 1 ? 'true' : null);
    const visible = part(row, 'visible', HTMLElement);
    setAttribute(visible, 'aria-label', channel.hidden ? `Show ${channel.name}` : `Hide ${channel.name}`);
    setAttribute(visible, 'data-tip', channel.hidden ? 'Show' : 'Hide');
  }

  /** @param {number} number @param {number} step */
  #move(number, step) {
    const next = movedBy(this.#order, number, step);
    if (next) emit(this, 'channel-order', next);
  }
}

customElements.define('channel-editor', ChannelEditor);
