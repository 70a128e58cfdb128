// @ts-check
import { problemOf } from '../lib/http.js';
import { Poller } from '../lib/poller.js';
import { alertText } from '../lib/recording-text.js';
import { writeRecordingsState } from '../lib/recordings-state.js';
import { emit, part, setText } from './dom.js';

/** @typedef {import('../lib/recording-types.js').RecordingAlert} RecordingAlert */

const POLL_MS = 30_000;
const POLL_HIDDEN_MS = 180_000;
const BEFORE_MS = 60_000;

/**
 * The bell in the top bar, hidden without alerts, and the list that it opens. `connect()` starts the requests. Emits
 * 'recording-failed' with a text if the server refuses to mark alerts as seen.
 */
export class RecordingAlerts extends HTMLElement {
  /** @type {import('../lib/recording-api.js').RecordingApi|null} */
  #recordingApi = null;
  /** @type {RecordingAlert[]} */
  #alerts = [];
  #poller = new Poller(() => this.#read());

  /** @param {import('../lib/recording-api.js').RecordingApi} recordingApi */
  connect(recordingApi) {
    this.#recordingApi = recordingApi;
    part(this, 'seen', HTMLElement).addEventListener('click', () => void this.#markSeen());
    document.addEventListener('visibilitychange', () => document.hidden || this.#poller.soon());
    this.#poller.start();
  }

  disconnectedCallback() {
    this.#poller.stop();
  }

  async #read() {
    const alerts = (await this.#recordingApi?.alerts()) ?? [];
    this.#alerts = alerts.filter(({ seen }) => !seen);
    this.#draw();
    return document.hidden ? POLL_HIDDEN_MS : POLL_MS;
  }

  #draw() {
    const count = this.#alerts.length;
    const panel = part(this, 'panel', HTMLElement);
    this.hidden = count === 0;
    if (!count && panel.matches(':popover-open')) panel.hidePopover();
    const words = count === 1 ? '1 recording alert' : `${count} recording alerts`;
    part(this, 'button', HTMLElement).setAttribute('aria-label', words);
    setText(part(this, 'count', HTMLElement), count > 99 ? '99+' : String(count));
    const texts = this.#alerts.map((alert) => alertText(alert, Date.now()));
    setText(part(this, 'news', HTMLElement), texts[0] ?? '');
    part(this, 'checks', HTMLElement).hidden = !this.#alerts.some(({ origin }) => origin === 'device');
    const key = JSON.stringify([this.#alerts, texts]);
    const list = part(this, 'list', HTMLElement);
    if (list.dataset.key === key) return;
    list.dataset.key = key;
    list.replaceChildren(...this.#alerts.map((alert, index) => rowOf(alert, texts[index] ?? '')));
  }

  async #markSeen() {
    const ids = this.#alerts.map(({ id }) => id);
    try {
      await this.#recordingApi?.markSeen(ids);
    } catch (error) {
      emit(this, 'recording-failed', problemOf(error).detail);
      return;
    }
    this.#alerts = [];
    this.#draw();
    this.#poller.soon();
  }
}

/** @param {RecordingAlert} alert @param {string} text */
function rowOf(alert, text) {
  const row = document.createElement('li');
  row.className = 'alert-row';
  row.toggleAttribute('data-open', alert.end_time === null);
  const words = document.createElement('p');
  words.textContent = text;
  const link = document.createElement('a');
  const atMs = Date.parse(alert.start_time) - BEFORE_MS;
  const query = writeRecordingsState({ channel: alert.channel, atMs, fromMs: null, toMs: null });
  link.href = `${document.body.dataset.recordings ?? ''}${alert.camera_id}${query}`;
  link.textContent = 'Timeline';
  row.append(words, link);
  return row;
}

customElements.define('recording-alerts', RecordingAlerts);
