// @ts-check
/** Recording on the server, on the recordings page: the state of the chosen channel, Keep, and the source of the timeline. */
import { setText } from '../components/dom.js';
import { RecordingTimeline } from '../components/recording-timeline.js';
import { hasAwaySpans, hasServerSpans } from '../lib/coverage.js';
import { stateText } from '../lib/recording-text.js';
import { byId, may, remember, remembered } from './page.js';
import { pageClock } from './recordings-clock.js';
import { ServerRecording } from './server-recording.js';

/** @typedef {import('../lib/api.js').Camera} Camera */

/** Without a marked range, Keep means this time before and after the playhead. */
const AROUND_MS = 150_000;
const SOURCE_KEY = 'timeline-source';

export class RecordingsServer {
  #marks;
  #recording = new ServerRecording();
  #timeline = byId('timeline', RecordingTimeline);
  /** @type {Camera|null} */
  #camera = null;

  /** @param {import('../lib/range-marks.js').RangeMarks} marks */
  constructor(marks) {
    this.#marks = marks;
    this.#recording.addEventListener('changed', () => this.#draw());
    for (const type of ['timeline-rows', 'timeline-row', 'timeline-seek']) this.#timeline.addEventListener(type, () => this.#draw());
    marks.addEventListener('marks', () => this.#drawKeep());
    byId('server-rule', HTMLElement).addEventListener('click', () => {
      if (this.#camera) void this.#recording.openRule(this.#camera, this.#timeline.row?.channel ?? null);
    });
    byId('server-pause', HTMLElement).addEventListener('click', () => this.#onChannel((...of) => this.#recording.openPause(...of)));
    byId('server-resume', HTMLElement).addEventListener('click', () => this.#onChannel((...of) => this.#recording.resume(...of)));
    if (may('export')) byId('range-keep', HTMLElement).addEventListener('click', () => this.#keep());
    const source = byId('show-source', HTMLInputElement);
    source.checked = remembered(SOURCE_KEY) === 'yes';
    source.addEventListener('change', () => {
      remember(SOURCE_KEY, source.checked ? 'yes' : 'no');
      this.#drawSource();
    });
  }

  /** @param {Camera} camera */
  set camera(camera) {
    this.#camera = camera;
    this.#recording.watch([camera.id]);
  }

  /** Call some work with the camera's id, the chosen channel and its name. @param {(id: number, channel: number, name: string) => Promise<void>} work */
  #onChannel(work) {
    const { row } = this.#timeline;
    if (this.#camera && row && row.channel !== null) void work(this.#camera.id, row.channel, row.name || `channel ${row.channel}`);
  }

  #draw() {
    const { row } = this.#timeline;
    const state = this.#camera ? this.#recording.of(this.#camera.id, row?.channel ?? null) : null;
    byId('server-recording', HTMLElement).hidden = !state;
    if (state) {
      const { text, tone } = stateText(state, Date.now());
      const words = byId('server-state', HTMLElement);
      setText(words, `${row?.name ? `${row.name}: ` : ''}${text}`);
      words.dataset.tone = tone;
      byId('server-pause', HTMLElement).hidden = state.state === 'off' || state.state === 'paused';
      byId('server-resume', HTMLElement).hidden = state.state !== 'paused';
    }
    this.#drawKeep();
    this.#drawSource();
  }

  #drawSource() {
    const isKnown = this.#timeline.rows.some(hasServerSpans);
    const shows = isKnown && byId('show-source', HTMLInputElement).checked;
    byId('show-source-label', HTMLElement).hidden = !isKnown;
    byId('legend-device', HTMLElement).hidden = !shows;
    byId('legend-away', HTMLElement).hidden = !this.#timeline.rows.some(hasAwaySpans);
    setText(byId('legend-recorded', HTMLElement), shows ? 'Recorded on the server' : 'Recorded');
    this.#timeline.showsSource = shows;
  }

  /** The part that Keep means: the marked range, or the time around the playhead. */
  get #span() {
    const { span } = this.#marks;
    if (span && span.endMs > span.startMs) return span;
    const { atMs } = this.#timeline;
    return atMs === null ? null : { startMs: atMs - AROUND_MS, endMs: Math.min(atMs + AROUND_MS, Date.now()) };
  }

  #drawKeep() {
    if (!may('export')) return;
    const { row } = this.#timeline;
    const button = byId('range-keep', HTMLButtonElement);
    button.disabled = !row || row.channel === null || this.#span === null;
    button.title = this.#marks.span ? 'Keep the marked part' : 'Keep 5 minutes around the playhead';
  }

  #keep() {
    const span = this.#span;
    if (!span) return;
    this.#onChannel((cameraId, channel, name) => this.#recording.openKeep({ cameraId, channel, name, ...span }, pageClock.clock));
  }
}
