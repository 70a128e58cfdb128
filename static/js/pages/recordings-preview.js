// @ts-check
/** Plays the marked range from its start to its end. */
import { RecordingTimeline } from '../components/recording-timeline.js';
import { ReplayPlayer } from '../components/replay-player.js';
import { byId } from './page.js';

/** Beyond the range by more than this, the user has moved the playhead elsewhere. */
const BEYOND_MS = 5000;

/** Emits 'preview' when it has begun or ended. */
export class RangePreview extends EventTarget {
  #playing;
  #marks;
  #timeline = byId('timeline', RecordingTimeline);
  #player = byId('player', ReplayPlayer);
  #isOn = false;
  /** True once the player has shown a frame of the range. */
  #hasBegun = false;

  /** @param {import('./recordings-playing.js').RecordingsPlaying} playing @param {import('../lib/range-marks.js').RangeMarks} marks */
  constructor(playing, marks) {
    super();
    this.#playing = playing;
    this.#marks = marks;
    this.#player.addEventListener('replay-time', () => this.#look());
    this.#player.addEventListener('replay-phase', (event) => {
      const phase = /** @type {CustomEvent<string>} */ (event).detail;
      if (this.#isOn && this.#hasBegun && (phase === 'paused' || phase === 'ended' || phase === 'idle')) this.#end();
    });
    for (const type of ['timeline-seek', 'timeline-scrub', 'timeline-mark']) this.#timeline.addEventListener(type, () => this.#end());
  }

  get isOn() {
    return this.#isOn;
  }

  toggle() {
    const { span } = this.#marks;
    if (this.#isOn) {
      this.#end();
      if (this.#player.isPlaying) this.#player.togglePlay();
    } else if (span) {
      this.#isOn = true;
      this.#hasBegun = false;
      this.dispatchEvent(new Event('preview'));
      this.#player.scrollIntoView({ block: 'nearest' });
      void this.#playing.play(this.#timeline.row, span.startMs, { exact: true });
    }
  }

  #look() {
    const { span } = this.#marks;
    const { atMs } = this.#player;
    if (!this.#isOn || !span || atMs === null) return;
    const isInside = span.startMs - BEYOND_MS <= atMs && atMs < span.endMs;
    if (isInside) this.#hasBegun = true;
    else if (this.#hasBegun) {
      this.#end();
      const hasReached = atMs >= span.endMs && atMs < span.endMs + BEYOND_MS;
      if (hasReached && this.#player.isPlaying) this.#player.togglePlay();
    }
  }

  #end() {
    if (!this.#isOn) return;
    this.#isOn = false;
    this.dispatchEvent(new Event('preview'));
  }
}
