// @ts-check
import { LOCAL_CLOCK } from '../lib/display-clock.js';
import { exactDuration } from '../lib/format.js';
import { keptText } from '../lib/recording-text.js';
import { AppDialog } from './dialog-base.js';
import { emit, part, setText } from './dom.js';
import { onSubmit } from './field-errors.js';

/** @typedef {{cameraId: number, channel: number, name: string, startMs: number, endMs: number}} Keeping `name`: of the channel */

const DAY_MS = 86_400_000;

/**
 * Asks for the reason why a range is kept, and until when. Emits 'recording-changed' with `{cameraId, text}` after the
 * server has marked the range. Then it offers to fetch the part that the server lacks, if the user may.
 */
export class RecordingKeepDialog extends AppDialog {
  /** @type {import('../lib/recording-api.js').RecordingApi|null} */
  api = null;
  /** @type {Keeping|null} */
  #keeping = null;
  /** The user may fetch recordings from the recorder. */
  mayFetch = false;
  #isKept = false;

  /** @override */
  wire() {
    onSubmit(part(this, 'form', HTMLFormElement), () => (this.#isKept ? this.#fetch() : this.#keep()));
  }

  /** @param {Keeping} keeping @param {import('../lib/display-clock.js').DisplayClock} [clock] of the shown times */
  openFor(keeping, clock = LOCAL_CLOCK) {
    this.#keeping = keeping;
    const { name, startMs, endMs } = keeping;
    const length = exactDuration(Math.round((endMs - startMs) / 1000));
    setText(part(this, 'range', HTMLElement), `${name}, ${clock.stamp(startMs)} to ${clock.stamp(endMs)} (${length})`);
    part(this, 'form', HTMLFormElement).reset();
    this.#showOffer('');
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
      ...rangeOf(keeping),
      reason: part(this, 'reason', HTMLInputElement).value.trim(),
      until: days ? new Date(Date.now() + days * DAY_MS).toISOString() : null,
    });
    const { text, offer } = keptText(kept, this.mayFetch, Date.now());
    emit(this, 'recording-changed', { cameraId: keeping.cameraId, text });
    if (offer) this.#showOffer(offer);
    else this.close();
  }

  /** @param {string} text '' for the fields of the form */
  #showOffer(text) {
    this.#isKept = text !== '';
    const offer = part(this, 'offer', HTMLElement);
    setText(offer, text);
    offer.hidden = !this.#isKept;
    part(this, 'fields', HTMLElement).hidden = this.#isKept;
    setText(part(this, 'action', HTMLElement), this.#isKept ? 'Fetch' : 'Keep');
    setText(part(this, 'leave', HTMLElement), this.#isKept ? 'Close' : 'Cancel');
  }

  async #fetch() {
    const { api } = this;
    const keeping = this.#keeping;
    if (!api || !keeping) return;
    await api.fetchMissing(rangeOf(keeping));
    this.close();
    emit(this, 'recording-changed', { cameraId: keeping.cameraId, text: 'The server fetches the missing part from the recorder.' });
  }
}

/** @param {Keeping} keeping */
function rangeOf({ cameraId, channel, startMs, endMs }) {
  const [start, end] = [startMs, endMs].map((ms) => new Date(Math.round(ms)).toISOString());
  return { camera_id: cameraId, channel, start_time: start, end_time: end };
}

customElements.define('recording-keep-dialog', RecordingKeepDialog);
