// @ts-check
import { tileProfileOf } from '../lib/channels.js';
import { shortMessageOf } from '../lib/messages.js';
import { cloneTemplate, emit, part, setAttribute, setText } from './dom.js';
import { SnapshotImage } from './snapshot-image.js';

/** @typedef {import('../lib/api.js').Channel} Channel @typedef {{text: string, tone: string}} Recorded */

/**
 * The channels as tiles with their snapshots. Emits 'channel-chosen' with the channel's number. Arrow keys move among
 * the tiles; the Tab key stops at only one of them.
 */
export class ChannelGrid extends HTMLElement {
  static observedAttributes = ['current'];
  /** @type {AbortController|null} */
  #wires = null;
  /** @type {Map<number, HTMLElement>} */
  #tiles = new Map();
  /** @type {ReadonlyMap<number, Recorded>} */
  #recorded = new Map();
  /** @type {import('./snapshot-loader.js').SnapshotLoader|null} */
  snapshots = null;
  cameraId = 0;

  connectedCallback() {
    this.#wires = new AbortController();
    const { signal } = this.#wires;
    this.addEventListener(
      'click',
      (event) => {
        const tile = event.target instanceof Element ? event.target.closest('[data-channel]') : null;
        if (tile instanceof HTMLElement) emit(this, 'channel-chosen', Number(tile.dataset.channel));
      },
      { signal },
    );
    this.addEventListener('keydown', (event) => this.#walk(event), { signal });
  }

  disconnectedCallback() {
    this.#wires?.abort();
  }

  attributeChangedCallback() {
    this.#mark();
  }

  /** @param {Channel[]} channels in order of display */
  set channels(channels) {
    const numbers = new Set(channels.map((channel) => channel.channel));
    for (const [number, tile] of this.#tiles) {
      if (numbers.has(number)) continue;
      this.snapshots?.remove(part(tile, 'picture', SnapshotImage));
      tile.remove();
      this.#tiles.delete(number);
    }
    channels.forEach((channel, index) => {
      const tile = this.#tiles.get(channel.channel) ?? this.#make(channel.channel);
      this.#update(tile, channel);
      if (this.children[index] !== tile) this.insertBefore(tile, this.children[index] ?? null);
    });
    this.style.setProperty('--columns', String(Math.max(1, Math.ceil(Math.sqrt(channels.length)))));
    this.#mark();
  }

  /** Recording on the server, in words, by channel; without those that have no rule. @param {ReadonlyMap<number, Recorded>} recorded */
  set recorded(recorded) {
    this.#recorded = recorded;
    for (const [number, tile] of this.#tiles) this.#showRecorded(tile, number);
  }

  /** @param {HTMLElement} tile @param {number} number */
  #showRecorded(tile, number) {
    const recorded = this.#recorded.get(number);
    const mark = part(tile, 'rec', HTMLElement);
    mark.hidden = !recorded;
    mark.dataset.tone = recorded?.tone ?? '';
    setAttribute(mark, 'title', recorded?.text);
    setAttribute(part(tile, 'button', HTMLElement), 'aria-description', recorded?.text);
  }

  /** @param {number} number */
  #make(number) {
    const tile = document.createElement('div');
    tile.setAttribute('role', 'listitem');
    tile.className = 'tile-item';
    tile.dataset.channel = String(number);
    tile.append(cloneTemplate('channel-tile'));
    this.#tiles.set(number, tile);
    return tile;
  }

  /** @param {HTMLElement} tile @param {Channel} channel */
  #update(tile, channel) {
    setText(part(tile, 'number', HTMLElement), String(channel.channel));
    setText(part(tile, 'name', HTMLElement), channel.name);
    const state = part(tile, 'state', HTMLElement);
    const problem = channel.problem ? shortMessageOf(channel.problem.code) : '';
    state.hidden = !problem;
    setText(state, problem);
    setAttribute(tile, 'data-dead', channel.problem !== null);
    const label = `Channel ${channel.channel}, ${channel.name}${channel.problem ? `, ${channel.problem.detail}` : ''}`;
    setAttribute(part(tile, 'button', HTMLElement), 'aria-label', label);
    setAttribute(part(tile, 'button', HTMLElement), 'title', channel.problem?.detail);
    this.#showRecorded(tile, channel.channel);
    const profile = tileProfileOf(channel);
    if (profile && this.snapshots) {
      this.snapshots.set(part(tile, 'picture', SnapshotImage), {
        cameraId: this.cameraId,
        profileToken: profile.profile_token,
        askDevice: channel.problem === null && this.hasAttribute('ask-device'),
      });
    }
  }

  #mark() {
    const current = Number(this.getAttribute('current'));
    const first = this.#tiles.has(current) ? current : Number(/** @type {HTMLElement|null} */ (this.firstElementChild)?.dataset.channel);
    for (const [number, tile] of this.#tiles) {
      const button = part(tile, 'button', HTMLButtonElement);
      setAttribute(button, 'aria-current', number === current ? 'true' : null);
      setAttribute(button, 'tabindex', number === first ? '0' : '-1');
      if (number === current && tile.dataset.current === undefined) this.#reveal(tile);
      setAttribute(tile, 'data-current', number === current);
    }
  }

  /** Scroll the list to a tile, but not the page. @param {HTMLElement} tile */
  #reveal(tile) {
    const box = this.getBoundingClientRect();
    const at = tile.getBoundingClientRect();
    if (this.scrollHeight <= this.clientHeight) return;
    if (at.top < box.top) this.scrollTop += at.top - box.top - 8;
    else if (at.bottom > box.bottom) this.scrollTop += at.bottom - box.bottom + 8;
  }

  /** @param {KeyboardEvent} event */
  #walk(event) {
    const steps = { ArrowRight: 1, ArrowDown: this.#columns(), ArrowLeft: -1, ArrowUp: -this.#columns() };
    if (!Object.hasOwn(steps, event.key) || event.ctrlKey || event.altKey || event.metaKey) return;
    const tiles = [...this.children];
    const at = tiles.findIndex((tile) => tile.contains(document.activeElement));
    const next = tiles[at + steps[/** @type {keyof typeof steps} */ (event.key)]];
    event.preventDefault();
    event.stopPropagation();
    if (!next) return;
    for (const tile of tiles) setAttribute(part(tile, 'button', HTMLElement), 'tabindex', tile === next ? '0' : '-1');
    part(next, 'button', HTMLButtonElement).focus();
  }

  #columns() {
    const first = /** @type {HTMLElement|null} */ (this.firstElementChild);
    if (!first) return 1;
    const row = [...this.children].filter((tile) => /** @type {HTMLElement} */ (tile).offsetTop === first.offsetTop);
    return Math.max(1, row.length);
  }
}

customElements.define('channel-grid', ChannelGrid);
