// @ts-check
import { inOrder } from '../lib/channels.js';
import { cloneTemplate, emit, part, setText } from './dom.js';
import { ChannelGrid } from './channel-grid.js';

/** @typedef {import('../lib/api.js').Camera} Camera @typedef {import('../lib/api.js').Channel} Channel */

/**
 * All channels of all cameras with their snapshots; the user searches them by name and number. Emits 'channel-picked'
 * with the chosen tile, 'picker-closed' for its close button.
 */
export class ChannelPicker extends HTMLElement {
  /** @type {AbortController|null} */
  #wires = null;
  /** @type {import('./snapshot-loader.js').SnapshotLoader|null} */
  snapshots = null;
  /** @type {Map<number, HTMLElement>} */
  #sections = new Map();
  /** @type {readonly {camera: Camera, channels: Channel[]|null}[]} */
  #known = [];

  connectedCallback() {
    this.#wires = new AbortController();
    const { signal } = this.#wires;
    part(this, 'search', HTMLInputElement).addEventListener('input', () => this.#draw(), { signal });
    part(this, 'close', HTMLButtonElement).addEventListener('click', () => emit(this, 'picker-closed'), { signal });
    this.addEventListener(
      'channel-chosen',
      (event) => {
        const grid = event.target;
        const channel = /** @type {CustomEvent<number>} */ (event).detail;
        if (grid instanceof ChannelGrid) emit(this, 'channel-picked', { cameraId: grid.cameraId, channel });
      },
      { signal },
    );
  }

  disconnectedCallback() {
    this.#wires?.abort();
  }

  /** @param {readonly {camera: Camera, channels: Channel[]|null}[]} known */
  set known(known) {
    this.#known = known;
    if (!this.hidden) this.#draw();
  }

  open() {
    this.hidden = false;
    this.#draw();
    part(this, 'search', HTMLInputElement).focus();
  }

  /** Return the channel of a pressed element; null if it is not in a channel's tile. @param {Element} pressed */
  channelAt(pressed) {
    const source = pressed.closest('[data-channel]');
    const grid = source?.closest('channel-grid');
    if (!(source instanceof HTMLElement) || !(grid instanceof ChannelGrid)) return null;
    const label = part(source, 'name', HTMLElement).textContent ?? '';
    return { source, label, tile: { cameraId: grid.cameraId, channel: Number(source.dataset.channel) } };
  }

  #draw() {
    const words = part(this, 'search', HTMLInputElement).value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const ids = new Set(this.#known.map(({ camera }) => camera.id));
    for (const [id, section] of this.#sections) {
      if (ids.has(id)) continue;
      section.remove();
      this.#sections.delete(id);
    }
    let found = 0;
    for (const { camera, channels } of this.#known) {
      const name = camera.name || camera.host;
      const shown = inOrder(channels ?? []).filter((channel) => isFound(words, `${name} ${channel.channel} ${channel.name}`));
      found += shown.length;
      const section = this.#sections.get(camera.id) ?? this.#make(camera.id);
      section.hidden = !shown.length;
      setText(part(section, 'camera', HTMLElement), name);
      const grid = part(section, 'channels', ChannelGrid);
      grid.toggleAttribute('ask-device', camera.status === 'online');
      grid.channels = shown;
    }
    const none = part(this, 'none', HTMLElement);
    none.hidden = found > 0;
    setText(none, words.length ? 'No channel has this name.' : 'No channels are known yet.');
  }

  /** @param {number} id */
  #make(id) {
    const section = document.createElement('section');
    section.append(cloneTemplate('picker-camera'));
    const grid = part(section, 'channels', ChannelGrid);
    grid.cameraId = id;
    grid.snapshots = this.snapshots;
    this.#sections.set(id, section);
    part(this, 'list', HTMLElement).append(section);
    return section;
  }
}

/**
 * True if the text contains all words. A number matches the start of a number: 5 does not find 15.
 *
 * @param {readonly string[]} words
 * @param {string} text
 */
function isFound(words, text) {
  const lower = text.toLocaleLowerCase();
  const numbers = lower.match(/\d+/g) ?? [];
  return words.every((word) => (/^\d+$/.test(word) ? numbers.some((number) => number.startsWith(word)) : lower.includes(word)));
}

customElements.define('channel-picker', ChannelPicker);
