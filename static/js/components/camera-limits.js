// @ts-check
import { formatChannelNumbers, parseChannelNumbers } from '../lib/channel-numbers.js';
import { cloneTemplate, part, setText } from './dom.js';

/** @typedef {import('../lib/accounts-api.js').CameraLimit} CameraLimit */

/** Form field for the cameras that a user may see: all, or some, each with all or some of its channels. */
export class CameraLimits extends HTMLElement {
  connectedCallback() {
    this.addEventListener('change', this);
  }

  disconnectedCallback() {
    this.removeEventListener('change', this);
  }

  handleEvent() {
    this.#sync();
  }

  /**
   * @param {{id: number, name: string, channels: number}[]} cameras all cameras
   * @param {CameraLimit[]|null} chosen null: all
   */
  show(cameras, chosen) {
    const list = part(this, 'list', HTMLElement);
    list.replaceChildren(
      ...cameras.map((camera) => {
        const row = cloneTemplate('camera-limit');
        const limit = chosen?.find((item) => item.camera_id === camera.id);
        const check = part(row, 'check', HTMLInputElement);
        check.value = String(camera.id);
        check.checked = Boolean(limit);
        setText(part(row, 'name', HTMLElement), camera.name);
        const channels = part(row, 'channels', HTMLInputElement);
        channels.value = formatChannelNumbers(limit?.channels ?? null);
        channels.setAttribute('aria-label', `Channels of ${camera.name}`);
        channels.hidden = camera.channels < 2;
        return row;
      }),
    );
    part(this, 'all', HTMLInputElement).checked = chosen === null;
    part(this, 'some', HTMLInputElement).checked = chosen !== null;
    this.#sync();
  }

  /** False hides the field, because an admin has no limit. @param {boolean} possible */
  set possible(possible) {
    this.hidden = !possible;
  }

  /** @returns {CameraLimit[]|null|undefined} null: all; undefined: a field is invalid and was marked */
  get value() {
    if (this.hidden || part(this, 'all', HTMLInputElement).checked) return null;
    /** @type {CameraLimit[]} */
    const limits = [];
    let isWrong = false;
    for (const row of this.querySelectorAll('[data-part="row"]')) {
      if (!part(row, 'check', HTMLInputElement).checked) continue;
      const input = part(row, 'channels', HTMLInputElement);
      const channels = parseChannelNumbers(input.value);
      input.setAttribute('aria-invalid', String(channels === undefined));
      if (channels === undefined) {
        if (!isWrong) input.focus();
        isWrong = true;
        continue;
      }
      limits.push({ camera_id: Number(part(row, 'check', HTMLInputElement).value), channels });
    }
    return isWrong ? undefined : limits;
  }

  #sync() {
    part(this, 'list', HTMLElement).hidden = part(this, 'all', HTMLInputElement).checked;
    for (const row of this.querySelectorAll('[data-part="row"]')) {
      part(row, 'channels', HTMLInputElement).disabled = !part(row, 'check', HTMLInputElement).checked;
    }
  }
}

customElements.define('camera-limits', CameraLimits);
