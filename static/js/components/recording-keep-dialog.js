// @ts-check
import { LOCAL_CLOCK } from '../lib/display-clock.js';
import { exactDuration } from '../lib/format.js';
import { shortTime } from '../lib/recording-text.js';
import { AppDialog } from './dialog-base.js';
import { emit, part, setText } from './dom.js';
import { onSubmit } from './field-errors.js';

/** @typedef {{cameraId: number, channel: number, name: string, startMs: number, endMs: number}} Keeping `name`: of the channel */

const DAY_MS = 86_400_000;

/**
 * Asks for the reason why a range is kept, and until when. Emits 'recording-changed' with `{cameraId, text}` after the
 * server has marked the range.
 */
export class RecordingKeepDialog extends AppDialog {
  /** @type {import('../lib/recording-api.js').RecordingApi|null} */
  api = null;
  /** @type {Keeping|null} */
  #keeping = null;

  /** @override */
  wire() {
    onSubmit(part(this, 'form', HTMLFormElement), () => this.#keep());
  }

  /** @param {Keeping} keeping @param {import('../lib/display-clock.js').DisplayClock} [clock] of the shown times */
  openFor(keeping, clock = LOCAL_CLOCK) {
    this.#keeping = keeping;
    const { name, startMs, endMs } = keeping;
    const length = exactDuration(Math.round((endMs - startMs) / 1000));
    setText(part(this, 'range', HTMLElement), `${name}, ${clock.stamp(startMs)} to ${clock.stamp(endMs)} (${length})`);
    part(this, 'form', HTMLFormElement).reset();
    for (const error of this.querySelectorAll('[data-error], [data-part="error"]')) {
      if (error instanceof HTMLElement) error.hidden = true;
    }
    this.show();
    part(this, 'reason', HTMLInputElement).focus();
  }

  async #keep() {
    const { api } = this;
    const keeping = this.#keeping;
    if (!api || !keeping) return;
    const days = Number(part(this, 'until', HTMLSelectElement).value);
    const kept = await api.keep({
      camera_id: keeping.cameraId,
      channel: keeping.channel,
      start_time: new Date(Math.round(keeping.startMs)).toISOString(),
      end_time: new Date(Math.round(keeping.endMs)).toISOString(),
      reason: part(this, 'reason', HTMLInputElement).value.trim(),
      until: days ? new Date(Date.now() + days * DAY_MS).toISOString() : null,
    });
    this.close();
    const limit = kept.limited_until ? shortTime(Date.parse(kept.limited_until), Date.now()) : '';
    const text = limit
      ? `This part is kept. The limit by law of the channel deletes it all the same, from ${limit} on.`
      : 'This part is kept.';
    emit(this, 'recording-changed', { cameraId: keeping.cameraId, text });
  }
}

customElements.define('recording-keep-dialog', RecordingKeepDialog);
