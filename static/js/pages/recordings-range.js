// @ts-check
/**
 * The marked range of the recordings page: by the keys [ and ], by the handles on the timeline, and by the panel below
 * it (recordings-export.js, for users who may export). The range is the span to search, too.
 */
import { part } from '../components/dom.js';
import { RecordingTimeline } from '../components/recording-timeline.js';
import { ReplayPlayer } from '../components/replay-player.js';
import { RangeMarks, frameOf, isStuck } from '../lib/range-marks.js';
import { byId, lazyModule, may, showToast, whenIdle } from './page.js';
import { pageClock } from './recordings-clock.js';

/**
 * @typedef {import('../lib/range-marks.js').MarkName} MarkName
 * @typedef {{which: MarkName, atMs: number, fromMs: number, hasStepped?: boolean}} AwaitedMark `fromMs`: where it was before
 */

/** Length of the span to search while one end is marked. */
const SEARCHED_MS = 60_000;
/** A frame that is shown for a mark is at most so far from it: key frames may be all that a thin link carries. */
const SAME_PLACE_MS = 1000;

export class RecordingsRange {
  marks = new RangeMarks();
  #playing;
  #timeline = byId('timeline', RecordingTimeline);
  #panel = lazyModule(() => import('./recordings-export.js'));
  /** The mark whose frame the player is loading. @type {AwaitedMark|null} */
  #awaited = null;

  /** @param {import('./recordings-playing.js').RecordingsPlaying} playing @param {import('./recordings-search.js').RecordingsSearch} search */
  constructor(playing, search) {
    this.#playing = playing;
    this.marks.addEventListener('marks', () => {
      this.#timeline.marked = this.marks;
      const { startMs, endMs, span } = this.marks;
      if (span) search.window = span;
      else if (startMs !== null && endMs === null) search.window = { startMs, endMs: startMs + SEARCHED_MS };
      else if (startMs === null && endMs !== null) search.window = { startMs: endMs - SEARCHED_MS, endMs };
    });
    this.#timeline.addEventListener('timeline-mark', (event) => {
      const { which, atMs, isFinal } = /** @type {CustomEvent<{which: MarkName, atMs: number, isFinal: boolean}>} */ (event).detail;
      this.#dragged(which, atMs, isFinal);
    });
    const player = byId('player', ReplayPlayer);
    for (const type of ['replay-time', 'replay-next', 'replay-phase']) player.addEventListener(type, () => this.#takeFrame(player));
    for (const type of ['timeline-seek', 'timeline-scrub']) this.#timeline.addEventListener(type, () => (this.#awaited = null));
  }

  /** Let users who may export do so with this recorder. @param {number} cameraId */
  begin(cameraId) {
    if (!may('export')) return;
    whenIdle(() => void this.#open(cameraId));
  }

  /** @param {number} cameraId */
  async #open(cameraId) {
    const panel = await this.#panel.get();
    if (panel) new panel.ExportPanel(this, this.#playing, cameraId);
  }

  /** Mark the frame on screen of the visible player. @param {MarkName} which */
  mark(which) {
    const { player, row, atMs } = this.#playing.visible;
    const markedMs = (which === 'in' ? player.shownFrameMs : player.shownFrameEndMs) ?? atMs;
    if (markedMs === null) return;
    if (row && this.#playing.isDialogOpen) this.#timeline.chooseChannel(row.channel);
    this.#awaited = null;
    this.marks.set(which, markedMs);
    showToast(which === 'in' ? `Begins at ${pageClock.stamp(markedMs)}` : `Ends at ${pageClock.stamp(markedMs)}`);
  }

  /** @param {MarkName} which @param {number} atMs @param {boolean} isFinal */
  #dragged(which, atMs, isFinal) {
    this.#awaited = null;
    const fromMs = this.#at(which) ?? atMs;
    this.marks.set(which, atMs);
    if (!isFinal) {
      this.#playing.scrub(atMs);
      return;
    }
    void this.#showFrame({ which, atMs, fromMs });
  }

  /** Show the frame of a mark, and move the mark to the frame's exact time. @param {AwaitedMark} mark */
  async #showFrame(mark) {
    await this.#playing.pauseAt(frameOf(mark.which, mark.atMs));
    if (this.#at(mark.which) === mark.atMs) this.#awaited = mark;
  }

  /** @param {MarkName} which */
  #at(which) {
    return which === 'in' ? this.marks.startMs : this.marks.endMs;
  }

  /** Move the dragged mark to the exact time of its frame, once that is on screen. @param {ReplayPlayer} player */
  #takeFrame(player) {
    const awaited = this.#awaited;
    const { phase } = part(player, 'stage', HTMLElement).dataset;
    if (phase === 'playing') this.#awaited = null; // the user has gone on
    if (!awaited || phase !== 'paused') return;
    const { which, atMs, fromMs } = awaited;
    const frameMs = which === 'in' ? player.shownFrameMs : player.shownFrameEndMs;
    if (frameMs === null || (which === 'out' && !player.hasNextFrame)) return;
    const isAlive = Math.abs(frameMs - atMs) < SAME_PLACE_MS && this.#at(which) === atMs;
    if (isAlive && isStuck(fromMs, atMs, frameMs)) {
      if (awaited.hasStepped) return; // the next frame is not on screen yet
      this.#awaited = { ...awaited, hasStepped: true };
      player.step(atMs > fromMs ? 1 : -1);
      return;
    }
    this.#awaited = null;
    if (isAlive) this.marks.set(which, frameMs);
  }
}
