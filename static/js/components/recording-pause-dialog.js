// @ts-check
import { pauseChoices, shortTime } from '../lib/recording-text.js';
import { AppDialog } from './dialog-base.js';
import { emit, part, setText } from './dom.js';
import { onSubmit } from './field-errors.js';

/**
 * Asks how long the recording of a channel pauses. Emits 'recording-changed' with `{cameraId, text}` after the pause has
 * begun.
 */
export class RecordingPauseDialog extends AppDialog {
  /** @type {import('../lib/recording-api.js').RecordingApi|null} */
  api = null;
  #cameraId = 0;
  #channel = 0;
  #name = '';

  /** @override */
  wire() {
    onSubmit(part(this, 'form', HTMLFormElement), () => this.#pause());
  }

  /** @param {number} cameraId @param {number} channel @param {string} name of the channel */
  openFor(cameraId, channel, name) {
    this.#cameraId = cameraId;
    this.#channel = channel;
    this.#name = name;
    setText(part(this, 'title', HTMLElement), `Pause the recording of ${name}`);
    const choices = pauseChoices(Date.now());
    part(this, 'choices', HTMLElement).replaceChildren(
      ...choices.map(({ value, text }, index) => {
        const label = document.createElement('label');
        const radio = document.createElement('input');
        radio.type = 'radio';
        radio.name = 'length';
        radio.value = value;
        radio.checked = index === 1;
        const words = document.createElement('span');
        words.textContent = text;
        label.append(radio, words);
        return label;
      }),
    );
    part(this, 'error', HTMLElement).hidden = true;
    this.show();
    this.#checked?.focus();
  }

  get #checked() {
    const radio = this.querySelector('input[name="length"]:checked');
    return radio instanceof HTMLInputElement ? radio : null;
  }

  async #pause() {
    const nowMs = Date.now();
    const chosen = pauseChoices(nowMs).find(({ value }) => value === this.#checked?.value);
    if (!this.api || !chosen) return;
    await this.api.pause(this.#cameraId, this.#channel, chosen.untilMs);
    this.close();
    const until = chosen.untilMs === null ? '' : ` until ${shortTime(chosen.untilMs, nowMs)}`;
    emit(this, 'recording-changed', { cameraId: this.#cameraId, text: `The recording of ${this.#name} is paused${until}.` });
  }
}

customElements.define('recording-pause-dialog', RecordingPauseDialog);
