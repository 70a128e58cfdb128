// @ts-check
/**
 * Plays recordings: in the page's player from the timeline, and in the dialog's player from a search result. Finds the
 * recording of a time first, if the timeline does not know it.
 */
import { AppDialog } from '../components/app-dialog.js';
import { part } from '../components/dom.js';
import { RecordingTimeline } from '../components/recording-timeline.js';
import { ReplayPlayer } from '../components/replay-player.js';
import { ApiError } from '../lib/api.js';
import { isPlayable, placeAt, rowName, tokenAt } from '../lib/coverage.js';
import { duration } from '../lib/format.js';
import { PlaceFinder } from '../lib/place-finder.js';
import { Scrubber } from '../lib/scrubber.js';
import { byId, remember, remembered, showToast } from './page.js';
import { pageClock } from './recordings-clock.js';
import { lineName } from './recordings-search.js';

/**
 * @typedef {import('../lib/api.js').Camera} Camera
 * @typedef {import('../lib/coverage.js').Row} Row
 * @typedef {ReturnType<typeof import('../lib/coverage.js').linesOf>[number]} Line
 */

/** Without a chosen time, playing begins so long before the end of the recordings. */
const BEFORE_END_MS = 600_000;

/**
 * Emits 'position' {row, atMs} when the page's player plays or pauses at another time; `row` null: the row that has
 * played before.
 */
export class RecordingsPlaying extends EventTarget {
  #api;
  #timeline = byId('timeline', RecordingTimeline);
  #player = byId('player', ReplayPlayer);
  #dialogPlayer = byId('modal-player', ReplayPlayer);
  #dialog = byId('play-dialog', AppDialog);
  /** The row of the dialog's player. @type {Row|null} */
  #dialogRow = null;
  /** @type {Camera|null} */
  #camera = null;
  /** @type {PlaceFinder|null} */
  #places = null;
  /** Set while the recording of a time is searched. @type {AbortController|null} */
  #placeSearch = null;
  /** Set while an event is searched. @type {AbortController|null} */
  #eventSearch = null;
  /** @type {Scrubber<{row: Row, atMs: number}>} */
  #scrubber = new Scrubber(({ row, atMs }) => this.#scrubTo(row, atMs));

  /** @param {import('../lib/api.js').Api} api @param {import('../lib/live-sockets.js').PageSocket|null} socket */
  constructor(api, socket) {
    super();
    this.#api = api;
    for (const player of [this.#player, this.#dialogPlayer]) {
      player.connect(api, socket);
      player.chooseSpeed(Number(remembered('replay-speed') ?? 1));
      player.addEventListener('replay-speed', (event) => remember('replay-speed', String(/** @type {CustomEvent} */ (event).detail)));
      player.addEventListener('replay-gap', (event) => {
        const { fromMs, toMs } = /** @type {CustomEvent<{fromMs: number, toMs: number}>} */ (event).detail;
        const gap = duration((toMs - fromMs) / 1000);
        this.showNote(`Skipped ${gap} without a recording, from ${pageClock.stamp(fromMs)} to ${pageClock.stamp(toMs)}.`, player);
      });
    }
    this.#handlePlayer();
    this.#handleTimeline();
    this.#dialog.addEventListener('dialog-closed', () => {
      this.#abortSearches();
      this.#dialogPlayer.close();
    });
    pageClock.addEventListener('clock', () => {
      for (const player of [this.#player, this.#dialogPlayer]) player.clock = pageClock.clock;
    });
  }

  /** @param {Camera} camera */
  set camera(camera) {
    this.#camera = camera;
    this.#places = new PlaceFinder(this.#api, camera.id);
  }

  /** The recorder's recordings. @param {import('../lib/api.js').KnownRecording[]} recordings */
  set recordings(recordings) {
    if (this.#places) this.#places.held = recordings;
  }

  /** The player that the user sees, its row and its time. */
  get visible() {
    return this.#dialog.dialog.open
      ? { player: this.#dialogPlayer, row: this.#dialogRow, atMs: this.#dialogPlayer.atMs }
      : { player: this.#player, row: this.#timeline.row, atMs: this.#timeline.atMs };
  }

  get isDialogOpen() {
    return this.#dialog.dialog.open;
  }

  /** Begin the search for an event. The next search, and the next play, abort it. */
  beginEventSearch() {
    this.#eventSearch?.abort();
    this.#eventSearch = new AbortController();
    return this.#eventSearch.signal;
  }

  /**
   * Play a row from a time, or from the next recording after it.
   *
   * @param {Row|null} row
   * @param {number} wantedMs
   * @param {{player?: ReplayPlayer, prefix?: string, exact?: boolean, paused?: boolean}} [how] `prefix`: text before the
   *   note below the player; `exact`: begin at the frame of this time, not at the key frame before it
   */
  async play(row, wantedMs, { player = this.#player, prefix = '', exact = false, paused = false } = {}) {
    const camera = this.#camera;
    const places = this.#places;
    if (!row || !camera || !places) return;
    this.#abortSearches();
    const search = new AbortController();
    this.#placeSearch = search;
    const isOnTimeline = player === this.#player;
    this.showNote('', player);
    if (isOnTimeline) {
      this.#timeline.atMs = wantedMs;
      this.#timeline.toNeedle();
    }
    const place = await this.#findPlace(places, row, wantedMs, { player, signal: search.signal });
    if (search.signal.aborted) return;
    this.#placeSearch = null;
    this.showNote(`${prefix} ${noteOf(place, wantedMs)}`.trim(), player);
    player.names = [camera.name || camera.host, row.name].filter(Boolean);
    part(player, 'channel', HTMLElement).textContent = rowName(row);
    const request = { cameraId: camera.id, recordingToken: place.recordingToken, channel: row.channel, atMs: place.atMs };
    player.go(request, { exact, paused });
    if (!isOnTimeline) return;
    this.#timeline.atMs = place.atMs;
    this.#emitPosition(row, place.atMs);
  }

  /** Play a search result in the dialog. @param {Line} line */
  playLine(line) {
    const camera = this.#camera;
    if (!camera) return;
    const player = this.#dialogPlayer;
    this.#player.close();
    this.#dialogRow =
      this.#timeline.rows.find((row) =>
        line.channel === null ? row.recordingToken === line.recordingToken : row.channel === line.channel,
      ) ?? null;
    this.showNote('', player);
    player.names = [camera.name || camera.host, line.name].filter(Boolean);
    part(player, 'channel', HTMLElement).textContent = lineName(line);
    byId('play-title', HTMLElement).textContent = `${lineName(line)}, from ${pageClock.stamp(line.startMs)}`;
    this.#dialog.show();
    player.go({ cameraId: camera.id, recordingToken: line.recordingToken, channel: line.channel, atMs: line.startMs });
  }

  /** Show frames of the timeline's channel while a mark is dragged. @param {number} atMs */
  scrub(atMs) {
    const { row } = this.#timeline;
    if (row && placeAt(row, atMs, Date.now()).outcome === 'plays') this.#scrubber.to({ row, atMs });
  }

  /** Pause at the frame of a time of the timeline's channel. @param {number} atMs */
  async pauseAt(atMs) {
    this.#scrubber.end();
    await this.play(this.#timeline.row, atMs, { exact: true, paused: true });
  }

  /** Show a text below a player. @param {string} text @param {ReplayPlayer} player */
  showNote(text, player) {
    byId(player === this.#dialogPlayer ? 'modal-note' : 'gap-note', HTMLElement).textContent = text;
  }

  // ── The place of a time ──────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Return the place to play for a time. Waits for the recorder if the row does not know it.
   *
   * @param {PlaceFinder} places
   * @param {Row} row
   * @param {number} atMs
   * @param {{player: ReplayPlayer, signal: AbortSignal}} how
   * @returns {Promise<import('../lib/place-finder.js').FoundPlace>}
   */
  async #findPlace(places, row, atMs, { player, signal }) {
    const { held } = places;
    const place = placeAt(row, atMs, Date.now());
    if (place.outcome !== 'ask') return { ...place, outcome: place.outcome, recordingToken: tokenAt(row, place.atMs, held) };
    this.showNote(`Asking the recorder about its recordings at ${pageClock.stamp(place.atMs)}`, player);
    try {
      return await places.find(row, atMs, signal);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { outcome: 'unknown', atMs, recordingToken: tokenAt(row, atMs, held), away: place.away };
    }
  }

  #abortSearches() {
    this.#eventSearch?.abort();
    this.#placeSearch?.abort();
    this.#placeSearch = null;
  }

  /** Show the frame under the dragged playhead. @param {Row} row @param {number} atMs */
  #scrubTo(row, atMs) {
    this.#placeSearch?.abort();
    this.#placeSearch = null;
    if (!this.#camera) return;
    const recordingToken = tokenAt(row, atMs, this.#places?.held);
    this.#player.go({ cameraId: this.#camera.id, recordingToken, channel: row.channel, atMs });
  }

  // ── Events of the page's player and of the timeline ──────────────────────────────────────────────────────────────

  #handlePlayer() {
    const player = this.#player;
    player.addEventListener('replay-time', (event) => {
      if (!this.#placeSearch) this.#timeline.atMs = /** @type {CustomEvent<number>} */ (event).detail;
      // While the frozen frame of the last request is visible, the new one is not.
      if (part(player, 'frozen', HTMLCanvasElement).hidden) this.#scrubber.shown();
    });
    player.addEventListener('replay-phase', (event) => {
      const phase = /** @type {CustomEvent<string>} */ (event).detail;
      if (phase === 'problem' || phase === 'broken') this.#scrubber.shown();
      const isSteady = phase === 'playing' || phase === 'paused';
      if (isSteady && player.atMs !== null && !this.#placeSearch) this.#emitPosition(null, player.atMs);
    });
    player.addEventListener('replay-wanted', () => {
      const { row } = this.#timeline;
      const last = row?.spans.findLast(isPlayable);
      const atMs = this.#timeline.atMs ?? (last ? Math.max(last.startMs, last.endMs - BEFORE_END_MS) : null);
      if (row && atMs !== null) void this.play(row, atMs);
      else showToast('No recordings are known here', 'bad');
    });
  }

  #handleTimeline() {
    this.#timeline.addEventListener('timeline-seek', (event) => {
      this.#scrubber.end();
      const { row, atMs } = /** @type {CustomEvent<{row: Row, atMs: number}>} */ (event).detail;
      void this.play(row, atMs);
    });
    this.#timeline.addEventListener('timeline-scrub', (event) => {
      const target = /** @type {CustomEvent<{row: Row|null, atMs: number}|null>} */ (event).detail;
      if (!target) this.#scrubber.end();
      else if (target.row && placeAt(target.row, target.atMs, Date.now()).outcome === 'plays')
        this.#scrubber.to({ row: target.row, atMs: target.atMs });
    });
    this.#timeline.addEventListener('timeline-row', (event) => {
      const row = /** @type {CustomEvent<Row>} */ (event).detail;
      if (this.#player.isOpen && this.#player.atMs !== null) void this.play(row, this.#player.atMs);
    });
  }

  /** @param {Row|null} row @param {number} atMs */
  #emitPosition(row, atMs) {
    this.dispatchEvent(new CustomEvent('position', { detail: { row, atMs } }));
  }
}

/**
 * @param {import('../lib/place-finder.js').FoundPlace} place where playing begins
 * @param {number} wantedMs
 */
function noteOf({ outcome, atMs, away }, wantedMs) {
  const wanted = pageClock.stamp(wantedMs);
  const goesOn = `playing goes on at ${pageClock.stamp(atMs)}.`;
  if (away) {
    const reason = `The server ${away}, which recorded ${wanted}, does not answer`;
    return outcome === 'later' ? `${reason}; ${goesOn}` : `${reason}.`;
  }
  if (outcome === 'later') return `Nothing was recorded at ${wanted}; ${goesOn}`;
  if (outcome === 'nothing') return `Nothing was recorded at ${wanted}.`;
  return outcome === 'unknown' ? `The recorder has not reported yet if it recorded at ${wanted}. Trying to play it.` : '';
}
