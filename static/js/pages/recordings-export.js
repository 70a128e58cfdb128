// @ts-check
/** The panel of the marked range, and the dialog that starts its export. Loaded later, for users who may export. */
import { AppDialog } from '../components/app-dialog.js';
import { BlurEditor } from '../components/blur-editor.js';
import { part } from '../components/dom.js';
import { clearErrors, onSubmit } from '../components/field-errors.js';
import { RecordingTimeline } from '../components/recording-timeline.js';
import { ReplayPlayer } from '../components/replay-player.js';
import { TimeField } from '../components/time-field.js';
import { rowName } from '../lib/coverage.js';
import { Estimating } from '../lib/estimating.js';
import { formatText, rangeText } from '../lib/export-text.js';
import { ExportsApi } from '../lib/exports-api.js';
import { exactDuration } from '../lib/format.js';
import { ApiError } from '../lib/http.js';
import { channelProblem, lastSeconds, rangeAround, rangeProblem } from '../lib/range-marks.js';
import { byId, httpOptions, remember, remembered, showToast } from './page.js';
import { pageClock } from './recordings-clock.js';
import { RangePreview } from './recordings-preview.js';

/**
 * @typedef {import('./recordings-range.js').RecordingsRange} RecordingsRange
 * @typedef {import('./recordings-playing.js').RecordingsPlaying} RecordingsPlaying
 * @typedef {import('../lib/range-marks.js').MarkName} MarkName
 * @typedef {import('../lib/exports-api.js').WantedRange} WantedRange
 */

const MOST_CHANNELS = 16;
const LAST_S = 30;
const NO_PICTURE = 'The picture cannot be loaded. The areas hold for the same place in each picture.';
const FORMAT_KEY = 'export-format';
const SUBTITLES_KEY = 'export-subtitles';

export class ExportPanel {
  #range;
  #playing;
  #cameraId;
  #api = new ExportsApi(document.body.dataset.exports ?? '', httpOptions());
  #timeline = byId('timeline', RecordingTimeline);
  #player = byId('player', ReplayPlayer);
  #preview;
  #panelEstimate = new Estimating(this.#api);
  #dialogEstimate = new Estimating(this.#api, { afterMs: 0 });
  #dialog = byId('export-dialog', AppDialog);
  #form = byId('export-form', HTMLFormElement);
  #formats = byId('export-format', HTMLSelectElement);
  #blur = byId('blur-editor', BlurEditor);
  #hasBlur = byId('copy-blur', HTMLInputElement);
  #subtitles = byId('export-subtitles', HTMLInputElement);
  /** The range of the open dialog. @type {import('../lib/timeline-scale.js').Span|null} */
  #span = null;
  #fields = { in: byId('mark-in-field', TimeField), out: byId('mark-out-field', TimeField) };

  /** @param {RecordingsRange} range @param {RecordingsPlaying} playing @param {number} cameraId */
  constructor(range, playing, cameraId) {
    this.#range = range;
    this.#playing = playing;
    this.#cameraId = cameraId;
    this.#preview = new RangePreview(playing, range.marks);
    this.#handleButtons();
    this.#handleFields();
    this.#handleDialog();
    range.marks.addEventListener('marks', () => this.#draw());
    pageClock.addEventListener('clock', () => {
      for (const field of Object.values(this.#fields)) field.clock = pageClock.clock;
      this.#draw();
    });
    for (const type of ['timeline-rows', 'timeline-row', 'timeline-seek']) this.#timeline.addEventListener(type, () => this.#draw());
    for (const type of ['replay-time', 'replay-phase']) this.#player.addEventListener(type, () => this.#drawQuick());
    for (const field of Object.values(this.#fields)) field.clock = pageClock.clock;
    this.#draw();
  }

  get #row() {
    return this.#timeline.row;
  }

  get #atMs() {
    return this.#player.shownFrameMs ?? this.#timeline.atMs;
  }

  // ── The panel ────────────────────────────────────────────────────────────────────────────────────────────────────

  #handleButtons() {
    const { marks } = this.#range;
    for (const [id, work] of /** @type {[string, () => void][]} */ ([
      ['mark-in', () => this.#range.mark('in')],
      ['mark-out', () => this.#range.mark('out')],
      ['range-last', () => marks.setSpan(lastSeconds(this.#player.shownFrameEndMs ?? this.#timeline.atMs ?? Date.now(), LAST_S))],
      ['range-around', () => this.#markAround()],
      ['range-clear', () => this.#clear()],
      ['range-preview', () => this.#preview.toggle()],
      ['range-export', () => this.open()],
    ])) {
      byId(id, HTMLButtonElement).addEventListener('click', work);
    }
    this.#preview.addEventListener('preview', () => this.#drawQuick());
    document.addEventListener('keydown', (event) => {
      const target = event.target instanceof Element ? event.target : null;
      if (event.key.toLowerCase() !== 'e' || event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
      if (document.querySelector('dialog[open]') || target?.closest('input:not([type=checkbox]), textarea, select')) return;
      event.preventDefault();
      if (this.#problem) showToast(this.#problem, 'bad');
      else this.open();
    });
  }

  #handleFields() {
    for (const [which, field] of /** @type {[MarkName, TimeField][]} */ (Object.entries(this.#fields))) {
      field.addEventListener('change', () => {
        const { atMs } = field;
        if (atMs !== null) this.#range.marks.type(which, atMs);
      });
      field.addEventListener('focusout', () => this.#draw()); // an emptied field shows its mark again
    }
  }

  /** What keeps the range from being exported; '' if nothing does. */
  get #problem() {
    return rangeProblem(this.#range.marks, Date.now()) || channelProblem(this.#row);
  }

  #markAround() {
    const around = this.#around;
    if (around) this.#range.marks.setSpan(around.span);
  }

  get #around() {
    const atMs = this.#atMs;
    return this.#row && atMs !== null ? rangeAround(this.#row, atMs, Date.now()) : null;
  }

  #clear() {
    this.#range.marks.clear();
    byId('mark-in', HTMLButtonElement).focus();
  }

  #draw() {
    const { marks } = this.#range;
    for (const [field, atMs] of /** @type {[TimeField, number|null][]} */ ([
      [this.#fields.in, marks.startMs],
      [this.#fields.out, marks.endMs],
    ])) {
      if (field.input !== document.activeElement) field.atMs = atMs; // otherwise the user is typing
    }
    byId('range', HTMLElement).toggleAttribute('data-marked', !marks.isEmpty);
    const problem = this.#problem;
    byId('range-export', HTMLButtonElement).disabled = Boolean(problem);
    byId('range-clear', HTMLButtonElement).disabled = marks.isEmpty;
    if (problem) {
      this.#panelEstimate.show({ ranges: [] });
      this.#showFacts(marks.isEmpty ? 'Mark a start and an end to export that part.' : problem);
    } else this.#panelEstimate.show({ ranges: this.#rangesOf([this.#row?.channel ?? null], marks.span) });
    this.#drawQuick();
  }

  /** Draw the buttons that depend on the playhead. */
  #drawQuick() {
    const hasTime = this.#atMs !== null;
    for (const id of ['mark-in', 'mark-out']) byId(id, HTMLButtonElement).disabled = !hasTime;
    byId('range-last', HTMLButtonElement).disabled = !this.#row;
    const around = this.#around;
    const button = byId('range-around', HTMLButtonElement);
    button.disabled = !around;
    const name = around?.kind === 'event' ? 'This event' : 'This recording';
    if (button.textContent !== name) button.textContent = name;
    const preview = byId('range-preview', HTMLButtonElement);
    preview.disabled = this.#range.marks.span === null || !this.#row;
    const label = this.#preview.isOn ? 'Stop' : 'Preview';
    const text = preview.querySelector('span');
    if (text && text.textContent !== label) text.textContent = label;
  }

  /** @param {string} text */
  #showFacts(text) {
    const { span } = this.#range.marks;
    const length = span && span.endMs > span.startMs ? `${exactDuration((span.endMs - span.startMs) / 1000)}` : '';
    byId('range-facts', HTMLElement).textContent = [length, text].filter(Boolean).join(' · ');
  }

  /** @param {(number|null)[]} channels @param {import('../lib/timeline-scale.js').Span|null} span @returns {WantedRange[]} */
  #rangesOf(channels, span) {
    if (!span) return [];
    return channels.flatMap((channel) => (channel === null ? [] : [{ cameraId: this.#cameraId, channel, ...span }]));
  }

  // ── The dialog ───────────────────────────────────────────────────────────────────────────────────────────────────

  #handleDialog() {
    const names = (document.body.dataset.exportFormats ?? '').split(' ').filter(Boolean);
    this.#formats.replaceChildren(...names.map((name) => new Option(formatText(name), name)));
    const chosen = remembered(FORMAT_KEY) ?? '';
    if (names.includes(chosen)) this.#formats.value = chosen;
    this.#subtitles.checked = remembered(SUBTITLES_KEY) === 'yes';
    this.#hasBlur.addEventListener('change', () => {
      this.#blur.hidden = !this.#hasBlur.checked;
      if (this.#hasBlur.checked) void this.#loadPicture();
    });
    for (const type of ['replay-time', 'replay-phase']) this.#player.addEventListener(type, () => this.#takePicture());
    this.#form.addEventListener('change', () => this.#estimate());
    this.#panelEstimate.addEventListener('estimate', (event) => this.#showFacts(/** @type {CustomEvent<string>} */ (event).detail));
    this.#dialogEstimate.addEventListener('estimate', (event) => {
      byId('export-estimate', HTMLElement).textContent = /** @type {CustomEvent<string>} */ (event).detail;
    });
    this.#dialog.addEventListener('dialog-closed', () => this.#dialogEstimate.show({ ranges: [] }));
    onSubmit(this.#form, () => this.#start());
  }

  /** Open the dialog for the marked range. */
  open() {
    const { span } = this.#range.marks;
    if (!span) return;
    this.#span = span;
    clearErrors(this.#form);
    const length = exactDuration((span.endMs - span.startMs) / 1000);
    byId('export-range', HTMLElement).textContent = `${rangeText(span.startMs, span.endMs, pageClock.clock)} · ${length}`;
    byId('export-name', HTMLInputElement).value = '';
    byId('export-notes', HTMLTextAreaElement).value = '';
    for (const id of ['copy-time', 'copy-height', 'copy-blur']) byId(id, HTMLInputElement).checked = false;
    this.#blur.hidden = true;
    this.#blur.open(this.#player.video);
    this.#showChannels();
    this.#estimate();
    this.#dialog.show();
    byId('export-name', HTMLInputElement).focus();
  }

  /** Load the frame of the start, if the player has none: after a search result was marked, it is closed. */
  async #loadPicture() {
    if (this.#blur.hasPicture || !this.#span) return;
    this.#blur.showNote('Loading the picture at the start of the range…');
    await this.#playing.pauseAt(this.#span.startMs);
  }

  #takePicture() {
    if (!this.#dialog.dialog.open || !this.#hasBlur.checked || this.#blur.hasPicture) return;
    const { phase } = part(this.#player, 'stage', HTMLElement).dataset;
    if (phase === 'paused') this.#blur.showPicture(this.#player.video);
    else if (phase === 'problem' || phase === 'broken') this.#blur.showNote(NO_PICTURE);
  }

  #showChannels() {
    const rows = this.#timeline.rows.filter((row) => row.channel !== null);
    byId('export-channels', HTMLElement).replaceChildren(
      ...rows.map((row) => {
        const label = document.createElement('label');
        label.className = 'check';
        const box = document.createElement('input');
        box.type = 'checkbox';
        box.name = 'channel';
        box.value = String(row.channel);
        box.checked = row.channel === this.#row?.channel;
        const name = document.createElement('span');
        name.textContent = rowName(row);
        label.append(box, name);
        return label;
      }),
    );
  }

  get #channels() {
    const boxes = this.#form.querySelectorAll('input[name=channel]:checked');
    return [...boxes].map((box) => Number(/** @type {HTMLInputElement} */ (box).value));
  }

  /** The working copy that the dialog asks for. */
  get #copy() {
    return {
      hasTime: byId('copy-time', HTMLInputElement).checked,
      isSmall: byId('copy-height', HTMLInputElement).checked,
      blurred: this.#hasBlur.checked ? this.#blur.areas : [],
    };
  }

  #estimate() {
    const channels = this.#channels;
    const problem = countProblem(channels.length);
    const { hasTime, isSmall } = this.#copy;
    const copy = { hasTime, isSmall, hasBlur: this.#hasBlur.checked };
    const ranges = problem ? [] : this.#rangesOf(channels, this.#span);
    this.#dialogEstimate.show({ ranges, format: this.#formats.value, copy });
    if (problem) byId('export-estimate', HTMLElement).textContent = problem;
  }

  async #start() {
    const ranges = this.#rangesOf(this.#channels, this.#span);
    const problem = countProblem(ranges.length);
    if (problem) {
      this.#form.querySelector('input')?.focus();
      throw refused('ranges', problem);
    }
    if (this.#hasBlur.checked && !this.#blur.areas.length) {
      this.#blur.focusAdd();
      throw refused('copies', 'Draw at least one area, or untick “Blurred areas”.');
    }
    remember(FORMAT_KEY, this.#formats.value);
    remember(SUBTITLES_KEY, this.#subtitles.checked ? 'yes' : 'no');
    const job = await this.#api.add({
      ranges,
      format: this.#formats.value,
      name: byId('export-name', HTMLInputElement).value.trim(),
      notes: byId('export-notes', HTMLTextAreaElement).value.trim(),
      hasSubtitles: this.#subtitles.checked,
      copy: this.#copy,
    });
    this.#dialog.close();
    byId('range-started-text', HTMLElement).textContent = `The export${job.name ? ` “${job.name}”` : ''} has started.`;
    byId('range-started-link', HTMLAnchorElement).href = `/exports#export-${job.id}`;
    byId('range-started', HTMLElement).hidden = false;
    byId('range-started-link', HTMLAnchorElement).focus();
  }
}

/** Return what is wrong with the number of chosen channels; '' if nothing is. @param {number} count */
function countProblem(count) {
  if (!count) return 'Choose at least one channel.';
  return count > MOST_CHANNELS ? `At most ${MOST_CHANNELS} channels can be exported at a time.` : '';
}

/** Return the error that the form shows at a field. @param {string} field @param {string} message */
function refused(field, message) {
  return new ApiError('invalid_request', message, { errors: [{ field, message }] });
}
