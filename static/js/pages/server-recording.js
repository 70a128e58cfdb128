// @ts-check
/**
 * Recording on the server, for all pages: the states of channels, the dialogs (components/server-recording.js, loaded
 * when one is opened) and the alerts in the top bar.
 */
import { RecordingApi } from '../lib/recording-api.js';
import { RecordingStates } from '../lib/recording-states.js';
import { channelsFor } from '../lib/channels.js';
import { problemOf } from '../lib/http.js';
import { byId, httpOptions, lazyModule, loadStyle, may, pageApi, showToast, whenIdle } from './page.js';

/** @typedef {import('../lib/api.js').Camera} Camera */

const { cameras = '', storage = '', kept = '', alerts = '' } = document.body.dataset;
const addresses = { cameras, storage, kept, alerts, backfills: '/api/backfills' };
export const recordingApi = new RecordingApi(addresses, httpOptions());
const parts = lazyModule(() => Promise.all([script(), loadStyle(document.body.dataset.recordingStyle ?? '')]).then(([loaded]) => loaded));

/**
 * Return the requests for a dialog. The script of the dialogs has its own ApiError, so it needs its own RecordingApi.
 *
 * @param {typeof import('../components/server-recording.js')} loaded
 */
function apiOf(loaded) {
  return new loaded.RecordingApi(addresses, httpOptions());
}

/** Load the script of the dialogs. @returns {Promise<typeof import('../components/server-recording.js')>} */
function script() {
  return import(new URL(document.body.dataset.recordingScript ?? '', window.location.href).href);
}

/** Show alerts about gaps in the top bar, from the next idle moment on. */
export function watchAlerts() {
  const bell = document.querySelector('recording-alerts');
  if (!(bell instanceof HTMLElement)) return;
  bell.addEventListener('recording-failed', (event) => showToast(/** @type {CustomEvent<string>} */ (event).detail, 'bad'));
  whenIdle(async () => {
    await parts.prepare();
    const { loaded } = parts;
    if (loaded && bell instanceof loaded.RecordingAlerts) bell.connect(apiOf(loaded));
  });
}

/** Emits 'changed' with a camera's id when its states were read or a user has changed its recording here. */
export class ServerRecording extends EventTarget {
  #states = new RecordingStates(recordingApi);

  constructor() {
    super();
    this.#states.addEventListener('states', (event) => this.#emitChanged(/** @type {CustomEvent<number>} */ (event).detail));
    document.addEventListener('recording-changed', (event) => {
      const { cameraId, text } = /** @type {CustomEvent<{cameraId: number, text: string}>} */ (event).detail;
      showToast(text);
      this.#states.soon();
      this.#emitChanged(cameraId);
    });
    document.addEventListener('visibilitychange', () => (document.hidden ? this.#states.stop() : this.#states.start()));
  }

  /** Read the states of these cameras from now on. @param {readonly number[]} ids */
  watch(ids) {
    this.#states.cameraIds = ids;
    if (!document.hidden) this.#states.start();
  }

  /** @param {number} cameraId */
  ofCamera(cameraId) {
    return this.#states.ofCamera(cameraId);
  }

  /** @param {number} cameraId @param {number|null} channel */
  of(cameraId, channel) {
    return this.#states.of(cameraId, channel);
  }

  /** Open the dialog of the rule of a channel; null: of the camera's first one. @param {Camera} camera @param {number|null} channel */
  async openRule(camera, channel) {
    const loaded = await parts.get();
    if (!loaded || !may('manage')) return;
    try {
      const all = await pageApi().channels(camera.id);
      const listed = channelsFor(all, channel);
      if (!listed.length) {
        showToast(channel === null ? 'The channels of this camera are not known yet.' : 'The camera no longer has this channel.', 'bad');
        return;
      }
      const dialog = byId('recording-rule', loaded.RecordingRuleDialog);
      dialog.api = apiOf(loaded);
      dialog.openFor(camera, listed, channel);
    } catch (error) {
      showToast(problemOf(error).detail, 'bad');
    }
  }

  /** Ask how long the recording pauses. @param {number} cameraId @param {number} channel @param {string} name */
  async openPause(cameraId, channel, name) {
    const loaded = await parts.get();
    if (!loaded || !may('recording_pause')) return;
    const dialog = byId('recording-pause', loaded.RecordingPauseDialog);
    dialog.api = apiOf(loaded);
    dialog.openFor(cameraId, channel, name);
  }

  /** @param {number} cameraId @param {number} channel @param {string} name */
  async resume(cameraId, channel, name) {
    try {
      await recordingApi.resume(cameraId, channel);
      showToast(`The recording of ${name} goes on.`);
    } catch (error) {
      showToast(problemOf(error).detail, 'bad');
    }
    this.#states.soon();
  }

  /**
   * Ask for the reason to keep a range.
   *
   * @param {import('../components/recording-keep-dialog.js').Keeping} keeping
   * @param {import('../lib/display-clock.js').DisplayClock} [clock]
   */
  async openKeep(keeping, clock) {
    const loaded = await parts.get();
    if (!loaded || !may('export')) return;
    const dialog = byId('recording-keep', loaded.RecordingKeepDialog);
    dialog.api = apiOf(loaded);
    dialog.mayFetch = may('manage');
    dialog.openFor(keeping, clock);
  }

  /** @param {number} cameraId */
  #emitChanged(cameraId) {
    this.dispatchEvent(new CustomEvent('changed', { detail: cameraId }));
  }
}
