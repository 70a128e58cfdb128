// @ts-check
/** The search form and its results. */
import { problemOf } from '../lib/api.js';
import { linesOf } from '../lib/coverage.js';
import { codecName, counted, duration } from '../lib/format.js';
import { isComplete, messageOf } from '../lib/messages.js';
import { rangeOf } from '../lib/ranges.js';
import { icon } from '../components/dom.js';
import { TimeField } from '../components/time-field.js';
import { byId } from './page.js';
import { pageClock } from './recordings-clock.js';

/** @typedef {ReturnType<typeof linesOf>[number]} Line @typedef {import('../lib/timeline-scale.js').Span} Span */

const SHOWN_AT_ONCE = 100;
/** Emits 'play' with the line to play, and 'window' with the chosen span. */
export class RecordingsSearch extends EventTarget {
  #api;
  #cameraId = 0;
  /** @type {Line[]} */
  #lines = [];
  #shown = 0;
  #newestSearch = 0;
  #from = byId('from-field', TimeField);
  #to = byId('to-field', TimeField);
  #channel = byId('search-channel', HTMLSelectElement);

  /** @param {import('../lib/api.js').Api} api */
  constructor(api) {
    super();
    this.#api = api;
    byId('search', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#search();
    });
    for (const button of document.querySelectorAll('[data-range]')) {
      button.addEventListener('click', () => {
        const range = /** @type {import('../lib/ranges.js').Range} */ (/** @type {HTMLElement} */ (button).dataset.range);
        this.window = rangeOf(range, Date.now(), pageClock.clock);
        for (const other of document.querySelectorAll('[data-range]')) {
          other.setAttribute('aria-pressed', String(other === button));
        }
        this.dispatchEvent(new CustomEvent('window', { detail: this.window }));
      });
    }
    for (const field of [this.#from, this.#to]) field.addEventListener('input', () => this.#unpress());
    byId('results-more', HTMLButtonElement).addEventListener('click', () => this.#more());
    byId('results', HTMLElement).addEventListener('click', (event) => {
      const button = event.target instanceof Element ? event.target.closest('button') : null;
      const line = button ? this.#lines[Number(button.dataset.line)] : undefined;
      if (line) this.dispatchEvent(new CustomEvent('play', { detail: line }));
    });
    pageClock.addEventListener('clock', () => {
      for (const field of [this.#from, this.#to]) field.clock = pageClock.clock;
      const count = this.#shown;
      this.#shown = 0;
      byId('results', HTMLElement).replaceChildren();
      while (this.#shown < count) this.#more();
    });
    this.window = rangeOf('day', Date.now());
  }

  /** Search this camera from now on. The search waits for it. @param {number} cameraId */
  set cameraId(cameraId) {
    this.#cameraId = cameraId;
    this.#newestSearch += 1;
    this.#lines = [];
    byId('results-frame', HTMLElement).hidden = true;
    byId('results-more', HTMLElement).hidden = true;
    byId('search-state', HTMLElement).textContent = '';
    byId('search-go', HTMLButtonElement).disabled = false;
    this.#showError('');
  }

  /** @param {{channel: number|null, name: string}[]} rows */
  set rows(rows) {
    const wanted = ['', ...rows.filter((row) => row.channel !== null).map((row) => String(row.channel))];
    if (wanted.join() === [...this.#channel.options].map((option) => option.value).join()) return;
    const chosen = this.#channel.value;
    this.#channel.replaceChildren(
      ...wanted.map((value) => {
        const option = document.createElement('option');
        const row = rows.find((item) => String(item.channel) === value);
        option.value = value;
        option.textContent = row ? `${value} ${row.name}` : 'All';
        return option;
      }),
    );
    this.#channel.value = wanted.includes(chosen) ? chosen : '';
  }

  /** @returns {Span|null} */
  get window() {
    const startMs = this.#from.atMs;
    const endMs = this.#to.atMs;
    return startMs !== null && endMs !== null ? { startMs, endMs } : null;
  }

  /** @param {Span|null} span */
  set window(span) {
    if (!span) return;
    this.#from.atMs = span.startMs;
    this.#to.atMs = span.endMs;
    this.#unpress();
  }

  #unpress() {
    for (const button of document.querySelectorAll('[data-range]')) button.setAttribute('aria-pressed', 'false');
  }

  async #search() {
    const span = this.window;
    if (!span || span.startMs >= span.endMs) {
      this.#showError('The end must be later than the start.');
      return;
    }
    this.#showError('');
    const search = ++this.#newestSearch;
    const go = byId('search-go', HTMLButtonElement);
    const state = byId('search-state', HTMLElement);
    go.disabled = true;
    state.textContent = 'Asking the recorder';
    try {
      const channel = this.#channel.value ? Number(this.#channel.value) : null;
      const what = { start: new Date(span.startMs), end: new Date(span.endMs), channel };
      /** @type {import('../lib/api.js').FoundRecording[]} */
      const found = [];
      let complete = true;
      /** Why the result is incomplete. @type {import('../lib/api.js').Problem|null} */
      let problem = null;
      /** @type {string|null} */
      let cursor = null;
      do {
        const page = await this.#api.searchRecordings(this.#cameraId, { ...what, cursor });
        found.push(...page.recordings);
        complete &&= page.complete;
        problem ??= page.error ?? null;
        cursor = page.next_cursor;
        if (search !== this.#newestSearch) return;
      } while (cursor);
      this.#show(linesOf(found), complete, problem);
    } catch (error) {
      if (search !== this.#newestSearch) return;
      const problem = problemOf(error);
      const { title } = messageOf(problem.code);
      state.textContent = '';
      this.#showError(isComplete(problem.code) ? title : `${title}. ${problem.detail}`);
    } finally {
      if (search === this.#newestSearch) go.disabled = false;
    }
  }

  /** @param {Line[]} lines @param {boolean} complete @param {import('../lib/api.js').Problem|null} problem */
  #show(lines, complete, problem) {
    this.#lines = lines;
    this.#shown = 0;
    const channels = new Set(lines.map((line) => line.channel ?? line.recordingToken)).size;
    const found = lines.length
      ? `${counted(lines.length, 'span')} on ${counted(channels, 'channel')}`
      : complete
        ? 'Nothing is recorded in this time'
        : 'Nothing is known about this time';
    const why = problem ? `: ${messageOf(problem.code).title}` : '';
    const note = complete ? '' : `. The recorder has not reported everything${why}. Search again in a while.`;
    byId('search-state', HTMLElement).textContent = `${found}${note}`;
    byId('results', HTMLElement).replaceChildren();
    byId('results-frame', HTMLElement).hidden = !lines.length;
    this.#more();
  }

  #more() {
    const next = this.#lines.slice(this.#shown, this.#shown + SHOWN_AT_ONCE);
    byId('results', HTMLElement).append(...next.map((line, index) => rowOfLine(line, this.#shown + index)));
    this.#shown += next.length;
    byId('results-more', HTMLElement).hidden = this.#shown >= this.#lines.length;
  }

  /** @param {string} text */
  #showError(text) {
    const element = byId('search-error', HTMLElement);
    element.textContent = text;
    element.hidden = !text;
  }
}

/** Return the name of a line's channel or recording. @param {Line} line */
export function lineName(line) {
  return [line.channel === null ? '' : String(line.channel), line.name].filter(Boolean).join(' ') || 'Recording';
}

/** @param {Line} line @param {number} index */
function rowOfLine(line, index) {
  const row = document.createElement('tr');
  const cells = [
    lineName(line),
    pageClock.stamp(line.startMs),
    pageClock.stamp(line.endMs),
    duration((line.endMs - line.startMs) / 1000),
    line.codecs.map((codec) => codecName(codec)).join(', '),
    line.isOnServer ? 'Server' : 'Device',
  ];
  cells.forEach((text, column) => {
    const cell = document.createElement('td');
    cell.textContent = text;
    if (column === 3) cell.className = 'number';
    if (column === 2 || column >= 4) cell.className = 'wide-only';
    row.append(cell);
  });
  if (!line.isKnown) {
    const note = document.createElement('span');
    note.className = 'cell-sub unknown';
    note.textContent = 'unknown: may have gaps';
    row.cells[0]?.append(note);
  }
  const last = document.createElement('td');
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'button small';
  button.dataset.line = String(index);
  button.append(icon('play'), 'Play');
  button.setAttribute('aria-label', `Play ${lineName(line)} from ${pageClock.stamp(line.startMs)}`);
  last.append(button);
  row.append(last);
  return row;
}
