// @ts-check
/**
 * Plays the recordings of events in a dialog of the events page, and goes from event to event. Loaded later, when the
 * user plays the first event.
 */
import { AppDialog } from '../components/app-dialog.js';
import { part, setText } from '../components/dom.js';
import { ReplayPlayer } from '../components/replay-player.js';
import { LOCAL_CLOCK } from '../lib/display-clock.js';
import { playMs } from '../lib/event-links.js';
import { eventPlace, eventTitle } from '../lib/event-text.js';
import { ApiError, problemOf } from '../lib/http.js';
import { PlaceFinder } from '../lib/place-finder.js';
import { byId, remember, remembered } from './page.js';
import { pageSocket } from './page-socket.js';

/** @typedef {import('../lib/events-api.js').LoggedEvent} LoggedEvent */

const NOTES = {
  plays: '',
  later: 'Nothing was recorded at the time of the event: this is the next recording.',
  nothing: 'Nothing was recorded at the time of this event.',
  unknown: 'The recorder has not reported yet if it recorded at this time.',
};

/**
 * Emits 'step' with 1 or -1 when the user wants the next or the previous event, and 'closed'. The page calls `play()`.
 */
export class EventPlayer extends EventTarget {
  #api;
  #dialog = byId('play-dialog', AppDialog);
  #player = byId('player', ReplayPlayer);
  /** Ends the search for the recording of an older event. */
  #search = new AbortController();

  /** @param {import('../lib/api.js').Api} api */
  constructor(api) {
    super();
    this.#api = api;
    const player = this.#player;
    player.connect(api, pageSocket(api));
    player.chooseSpeed(Number(remembered('replay-speed') ?? 1));
    player.addEventListener('replay-speed', (event) => remember('replay-speed', String(/** @type {CustomEvent} */ (event).detail)));
    this.#dialog.addEventListener('dialog-closed', () => {
      this.#search.abort();
      player.close();
      this.dispatchEvent(new Event('closed'));
    });
    byId('play-next', HTMLElement).addEventListener('click', () => this.#step(1));
    byId('play-before', HTMLElement).addEventListener('click', () => this.#step(-1));
    document.addEventListener('keydown', (event) => this.#key(event));
  }

  get isOpen() {
    return this.#dialog.dialog.open;
  }

  /**
   * @param {LoggedEvent} event of a channel
   * @param {{address: string, hasNext: boolean, hasBefore: boolean}} how `address`: of its recording on the recordings page
   */
  async play(event, { address, hasNext, hasBefore }) {
    const { camera_id: cameraId, channel } = event;
    if (cameraId === null || channel === null) return;
    this.#search.abort();
    this.#search = new AbortController();
    const { signal } = this.#search;
    const player = this.#player;
    player.close();
    const atMs = playMs(event);
    setText(byId('play-title', HTMLElement), `${eventTitle(event)}, ${LOCAL_CLOCK.stamp(Date.parse(event.start_time))}`);
    setText(part(player, 'channel', HTMLElement), eventPlace(event));
    byId('play-open', HTMLAnchorElement).href = address;
    byId('play-next', HTMLButtonElement).disabled = !hasNext;
    byId('play-before', HTMLButtonElement).disabled = !hasBefore;
    player.names = [event.camera_name, event.channel_name].filter(Boolean);
    this.#note('Searching for the recording');
    this.#dialog.show();
    try {
      const row = { channel, name: event.channel_name, recordingToken: '', spans: [], events: [], completeUntilMs: null };
      const place = await new PlaceFinder(this.#api, cameraId).find(row, atMs, signal);
      if (signal.aborted) return;
      this.#note(NOTES[place.outcome]);
      if (place.outcome === 'nothing' || !place.recordingToken) return;
      player.go({ cameraId, recordingToken: place.recordingToken, channel, atMs: place.atMs });
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      this.#note(problemOf(error).detail);
    }
  }

  /** @param {string} text */
  #note(text) {
    setText(byId('play-note', HTMLElement), text);
  }

  /** @param {1|-1} direction */
  #step(direction) {
    if (byId(direction > 0 ? 'play-next' : 'play-before', HTMLButtonElement).disabled) return;
    this.dispatchEvent(new CustomEvent('step', { detail: direction }));
  }

  /** The keys of the recordings page. @param {KeyboardEvent} event */
  #key(event) {
    const target = event.target instanceof Element ? event.target : null;
    if (!this.isOpen || event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || target?.closest('select')) return;
    if (event.key === ' ' && target?.closest('button, a')) return;
    const player = this.#player;
    /** @type {Record<string, () => void>} */
    const keys = {
      ' ': () => player.togglePlay(),
      k: () => player.togglePlay(),
      j: () => player.skip(-10_000),
      l: () => player.skip(10_000),
      ',': () => player.step(-1),
      '.': () => player.step(1),
      '<': () => player.changeSpeed(-1),
      '>': () => player.changeSpeed(1),
      f: () => void player.toggleFullscreen(),
      m: () => player.toggleAudio(),
      s: () => player.saveSnapshot(),
      n: () => this.#step(1),
      p: () => this.#step(-1),
    };
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!Object.hasOwn(keys, key)) return;
    event.preventDefault();
    keys[key]?.();
  }
}
