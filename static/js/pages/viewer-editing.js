// @ts-check
/** The edit mode of the viewer page: names, order and hiding of the channels. The editor's code loads later. */
import { problemOf } from '../lib/api.js';
import { byId, showToast } from './page.js';

/**
 * @typedef {import('../lib/api.js').Channel} Channel
 * @typedef {import('../lib/lazy-module.js').LazyModule<typeof import('./viewer-dialogs.js')>} Dialogs
 */

/**
 * Emits 'channels' with the new channels as soon as the user has changed them, and with the old ones if the server
 * refuses the change; 'sent' after the server has answered.
 */
export class ChannelEditing extends EventTarget {
  #dialogs;
  #editor = byId('editor', HTMLElement);
  /** @type {Channel[]} */
  #channels = [];
  #isOn = false;

  /** @param {import('../lib/api.js').Api} api @param {number} cameraId @param {Dialogs} dialogs */
  constructor(api, cameraId, dialogs) {
    super();
    this.#dialogs = dialogs;
    this.#editor.addEventListener('channel-rename', (event) => {
      const { channel, name } = /** @type {CustomEvent<{channel: number, name: string}>} */ (event).detail;
      void this.#change(
        (item) => (item.channel === channel && name ? { ...item, name } : item),
        () => api.updateChannel(cameraId, channel, { name }),
      );
    });
    this.#editor.addEventListener('channel-hide', (event) => {
      const { channel, hidden } = /** @type {CustomEvent<{channel: number, hidden: boolean}>} */ (event).detail;
      void this.#change(
        (item) => (item.channel === channel ? { ...item, hidden } : item),
        () => api.updateChannel(cameraId, channel, { hidden }),
      );
    });
    this.#editor.addEventListener('channel-order', (event) => {
      const numbers = /** @type {CustomEvent<number[]>} */ (event).detail;
      void this.#change(
        (item) => ({ ...item, position: numbers.indexOf(item.channel) }),
        () => api.orderChannels(cameraId, numbers),
      );
    });
  }

  get isOn() {
    return this.#isOn;
  }

  /** @param {Channel[]} channels */
  set channels(channels) {
    this.#channels = channels;
    if (this.#dialogs.loaded) this.#dialogs.loaded.editor.channels = channels;
  }

  /** Show the editor instead of the list of channels, or the list again. @param {boolean} isOn */
  async turn(isOn) {
    this.#isOn = isOn;
    if (isOn) {
      const loaded = await this.#dialogs.get();
      if (!loaded) this.#isOn = false;
      if (!loaded || !this.#isOn) return;
      loaded.editor.channels = this.#channels;
    }
    this.#editor.hidden = !isOn;
    byId('channels', HTMLElement).hidden = isOn;
    const button = byId('edit-channels', HTMLElement);
    button.setAttribute('aria-pressed', String(isOn));
    const label = button.querySelector('span');
    if (label) label.textContent = isOn ? 'Done' : 'Edit';
  }

  /**
   * Show a change immediately, send it to the server, and undo it if the server refuses.
   *
   * @param {(now: Channel) => Channel} change
   * @param {() => Promise<void>} send
   */
  async #change(change, send) {
    const before = this.#channels;
    this.#emitChannels(before.map(change));
    try {
      await send();
    } catch (error) {
      this.#emitChannels(before);
      showToast(problemOf(error).detail, 'bad');
    }
    this.dispatchEvent(new Event('sent'));
  }

  /** @param {Channel[]} channels */
  #emitChannels(channels) {
    this.dispatchEvent(new CustomEvent('channels', { detail: channels }));
  }
}
