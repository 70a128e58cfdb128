// @ts-check
/**
 * The pictures of the recordings page: strip, grid, pointer and calendar. Their code (components/storyboard.js and its
 * style sheet) loads when the page plays and the browser is idle. They request nothing while playback waits for media,
 * and nothing while a user watches over a thin link.
 */
import { part } from '../components/dom.js';
import { RecordingCalendar } from '../components/recording-calendar.js';
import { RecordingTimeline } from '../components/recording-timeline.js';
import { ReplayPlayer } from '../components/replay-player.js';
import { pannedBy } from '../lib/timeline-scale.js';
import { byId, httpOptions, lazyModule, loadStyle, remember, remembered, userSavesData, whenIdle } from './page.js';

/**
 * @typedef {import('../components/storyboard.js').Storyboard} Storyboard
 * @typedef {import('../components/storyboard.js').Mode} Mode
 * @typedef {import('../lib/coverage.js').Row} Row
 */

const MODE_KEY = 'recordings-pictures';
/** A first picture that does not come holds the storyboard up no longer than this. */
const LONGEST_WAIT_MS = 10_000;
/** The socket measures its link in the first second of playback. */
const MEASURED_AFTER_MS = 1500;
const MODES = /** @type {const} */ (['off', 'strip', 'grid']);

export class RecordingsPictures {
  #playing;
  #link;
  #timeline = byId('timeline', RecordingTimeline);
  #player = byId('player', ReplayPlayer);
  #parts = lazyModule(() => Promise.all([script(), loadStyle(document.body.dataset.storyboardStyle ?? '')]).then(([parts]) => parts));
  /** @type {Storyboard|null} */
  #storyboard = null;
  /** @type {Mode} */
  #mode = startMode();
  /** @type {Row[]} */
  #monthRows = [];
  /** @type {number|null} */
  #cameraId = null;

  /** @param {import('./recordings-playing.js').RecordingsPlaying} playing @param {import('../lib/live-sockets.js').PageSocket|null} socket */
  constructor(playing, socket) {
    this.#playing = playing;
    this.#link = socket?.link ?? null;
    byId('pictures-mode', HTMLElement).addEventListener('click', ({ target }) => {
      const button = target instanceof Element ? target.closest('button') : null;
      if (button) void this.#choose(/** @type {Mode} */ (button.dataset.mode));
    });
    for (const type of ['timeline-row', 'timeline-seek']) this.#timeline.addEventListener(type, () => this.update());
    this.#player.addEventListener('replay-time', () => this.#storyboard?.moveNeedle());
    this.#showMode();
  }

  /** The rows of the calendar's month. @param {Row[]} rows */
  set monthRows(rows) {
    this.#monthRows = rows;
    if (this.#storyboard) this.#storyboard.monthRows = rows;
  }

  /** Show the pictures of a recorder, after the first picture if the page plays. @param {number} cameraId @param {{isPlaying: boolean}} how */
  begin(cameraId, { isPlaying }) {
    this.#cameraId = cameraId;
    const open = () => whenIdle(() => this.#mode !== 'off' && void this.#open());
    if (!isPlaying) {
      open();
      return;
    }
    const wires = new AbortController();
    const timer = setTimeout(() => proceed(), LONGEST_WAIT_MS);
    const proceed = () => {
      wires.abort();
      clearTimeout(timer);
      setTimeout(open, MEASURED_AFTER_MS);
    };
    this.#player.addEventListener('replay-phase', () => !this.#isOpening && proceed(), { signal: wires.signal });
  }

  /** The rows, the chosen row or the clock have changed. */
  update() {
    this.#storyboard?.update();
  }

  /** @param {Mode} mode */
  async #choose(mode) {
    this.#mode = mode;
    remember(MODE_KEY, mode);
    this.#showMode();
    if (!this.#storyboard && mode !== 'off') await this.#open();
    if (!this.#storyboard) return;
    const grid = byId('storyboard-grid', HTMLElement);
    if (mode === 'grid') grid.addEventListener('thumbnail-states', () => grid.scrollIntoView({ block: 'nearest' }), { once: true });
    this.#storyboard.mode = this.#mode;
  }

  #showMode() {
    for (const button of byId('pictures-mode', HTMLElement).querySelectorAll('button')) {
      button.setAttribute('aria-pressed', String(button.dataset.mode === this.#mode));
    }
    // The strip keeps its place while its code loads, so that nothing moves.
    byId('storyboard', HTMLElement).hidden = this.#mode !== 'strip';
  }

  async #open() {
    const parts = await this.#parts.get();
    const cameraId = this.#cameraId;
    if (!parts || this.#storyboard || cameraId === null) return;
    const api = new parts.ThumbnailsApi(document.body.dataset.cameras ?? '', httpOptions());
    const grid = byId('storyboard-grid', parts.StoryboardGrid);
    const storyboard = new parts.Storyboard(
      {
        strip: byId('storyboard', parts.StoryboardStrip),
        grid,
        timeline: this.#timeline,
        calendar: byId('calendar', RecordingCalendar),
        note: byId('pictures-note', HTMLElement),
        home: byId('recordings', HTMLElement),
      },
      { list: (what) => api.list(cameraId, what), get: (what) => api.get(cameraId, what) },
      { mayRequest: () => this.#mayRequest, isLinkThin: () => this.#isWatchingOverThinLink },
    );
    this.#storyboard = storyboard;
    storyboard.addEventListener('play', (event) => this.#play(/** @type {CustomEvent<number>} */ (event).detail));
    grid.addEventListener('grid-pan', (event) => {
      this.#timeline.view = pannedBy(this.#timeline.view, /** @type {CustomEvent<number>} */ (event).detail, Date.now());
    });
    storyboard.monthRows = this.#monthRows;
    storyboard.mode = this.#mode;
  }

  /** @param {number} atMs */
  #play(atMs) {
    void this.#playing.play(this.#timeline.row, atMs);
    this.#player.scrollIntoView({ block: 'nearest' });
  }

  get #mayRequest() {
    return !document.hidden && !this.#isOpening && !this.#isWatchingOverThinLink;
  }

  get #phase() {
    return part(this.#playing.visible.player, 'stage', HTMLElement).dataset.phase ?? 'idle';
  }

  /** True while playback waits for media. */
  get #isOpening() {
    return this.#phase === 'loading' || this.#phase === 'stalled';
  }

  get #isWatchingOverThinLink() {
    const isWatching = this.#phase === 'playing' || this.#isOpening;
    return isWatching && (this.#link?.isThin(performance.now()) ?? false);
  }
}

/** @returns {Mode} */
function startMode() {
  const chosen = MODES.find((mode) => mode === remembered(MODE_KEY));
  return chosen ?? (userSavesData() ? 'off' : 'strip');
}

/** Load the storyboard's code. @returns {Promise<typeof import('../components/storyboard.js')>} */
function script() {
  return import(new URL(document.body.dataset.storyboardScript ?? '', window.location.href).href);
}
