// @ts-check
import { expiryText, fileFacts, formatName, isPlayable, isVideo, progressOf, rangeText, reasonOf, stateOf } from '../lib/export-text.js';
import { actionsOf, gapLines, rangeLines, titleOf } from '../lib/export-list.js';
import { cloneTemplate, emit, part, setAttribute, setText } from './dom.js';

/**
 * @typedef {import('../lib/export-types.js').Export} Export
 * @typedef {import('../lib/export-types.js').FileOfExport} ExportFile
 * @typedef {import('../lib/export-list.js').ExportAction} ExportAction
 * @typedef {{namesOf: import('../lib/export-list.js').NamesOf, nowMs: number, hasOwner: boolean, isSelected: boolean}} Shown
 *   `hasOwner`: name the owner, because the list has exports of others; `isSelected`: for an evidence package
 */

/** More files than this are hidden until the user asks for them, but never a single one. */
const SHOWN_FILES = 4;
const SHOWN_POSTERS = 3;

/**
 * A row of the list of exports. It changes in place, so that the focus stays. Emits 'export-action' {action, job},
 * 'export-play' {file, job} and 'export-select' {job, isSelected}.
 */
export class ExportRow extends HTMLElement {
  /** @type {Export|null} */
  #job = null;
  #filesKey = '';
  #showsAllFiles = false;
  #isWired = false;

  connectedCallback() {
    if (this.#isWired) return;
    this.#isWired = true;
    this.addEventListener('click', (event) => this.#click(event));
    this.#box.addEventListener('change', () => emit(this, 'export-select', { job: this.#job, isSelected: this.#box.checked }));
  }

  get #box() {
    return part(this, 'select', HTMLInputElement);
  }

  /** @param {Export} job @param {Shown} shown */
  show(job, { namesOf, nowMs, hasOwner, isSelected }) {
    this.#job = job;
    const title = titleOf(job, namesOf);
    const { text, tone } = stateOf(job);
    this.dataset.state = job.state;
    setText(part(this, 'title', HTMLElement), title);
    const state = part(this, 'state', HTMLElement);
    setText(state, text);
    setAttribute(state, 'data-tone', tone === 'quiet' ? null : tone);
    this.#box.hidden = job.state !== 'done';
    this.#box.checked = isSelected;
    setAttribute(this.#box, 'aria-label', `Select ${title}`);
    this.#showPosters(job);
    this.#showText('owner', hasOwner && job.owner ? `Owner: ${job.owner}` : '');
    this.#showLines('ranges', rangeLines(job, namesOf));
    this.#showText('notes', job.notes);
    this.#showProgress(job, title);
    this.#showText('reason', reasonOf(job));
    setAttribute(part(this, 'reason', HTMLElement), 'data-tone', job.state === 'failed' ? 'bad' : job.error ? 'busy' : null);
    this.#showLines('gaps', gapLines(job, namesOf));
    this.#showFiles(job);
    this.#showText('expiry', [formatName(job.format), expiryText(job, nowMs)].filter(Boolean).join(' · '));
    this.#showActions(job, title);
  }

  /** @param {string} name @param {string} text */
  #showText(name, text) {
    const element = part(this, name, HTMLElement);
    setText(element, text);
    element.hidden = !text;
  }

  /** @param {string} name @param {string[]} lines */
  #showLines(name, lines) {
    const list = part(this, name, HTMLElement);
    list.hidden = !lines.length;
    if (lines.join('\n') === [...list.children].map((item) => item.textContent).join('\n')) return;
    list.replaceChildren(
      ...lines.map((line) => {
        const item = document.createElement('li');
        item.textContent = line;
        return item;
      }),
    );
  }

  /** @param {Export} job */
  #showPosters(job) {
    const posters = part(this, 'posters', HTMLElement);
    const urls = job.ranges.flatMap(({ poster }) => (poster ? [poster] : [])).slice(0, SHOWN_POSTERS);
    posters.hidden = !urls.length;
    if (urls.join() === [...posters.children].map((image) => image.getAttribute('src')).join()) return;
    posters.replaceChildren(
      ...urls.map((url) => {
        const image = document.createElement('img');
        image.src = url;
        image.alt = '';
        return image;
      }),
    );
  }

  /** @param {Export} job @param {string} title */
  #showProgress(job, title) {
    const progress = progressOf(job);
    const element = part(this, 'progress', HTMLElement);
    element.hidden = !progress;
    if (!progress) return;
    const bar = part(this, 'bar', HTMLProgressElement);
    bar.value = progress.share;
    setAttribute(bar, 'aria-label', `Progress of ${title}`);
    setText(part(this, 'progress-text', HTMLElement), progress.text);
  }

  /** @param {Export} job */
  #showFiles(job) {
    const list = part(this, 'files', HTMLElement);
    list.hidden = !job.files.length;
    const { length } = job.files;
    const count = this.#showsAllFiles || length <= SHOWN_FILES + 1 ? length : SHOWN_FILES;
    const key = job.files.map((file) => `${file.name} ${file.sha256}`).join('\n');
    if (key !== this.#filesKey) list.replaceChildren(...job.files.map((file, index) => fileRow(file, index)));
    this.#filesKey = key;
    for (const [index, row] of [...list.children].entries()) setAttribute(row, 'hidden', index >= count);
    const more = part(this, 'more', HTMLElement);
    more.hidden = count === length;
    setText(more, `Show all ${length} files`);
  }

  /** @param {Export} job @param {string} title */
  #showActions(job, title) {
    const actions = actionsOf(job);
    /** @type {HTMLButtonElement|null} */
    let lost = null;
    const buttons = [.../** @type {NodeListOf<HTMLButtonElement>} */ (this.querySelectorAll('[data-action]'))];
    for (const button of buttons) {
      const isThere = actions.includes(/** @type {ExportAction} */ (button.dataset.action));
      if (!isThere && button === document.activeElement) lost = button;
      button.hidden = !isThere;
      setAttribute(button, 'aria-label', `${button.textContent.trim()}: ${title}`);
    }
    setAttribute(part(this, 'keep', HTMLButtonElement), 'aria-pressed', String(job.kept));
    // The focus goes to the next button, so that a keyboard user stays in the row.
    if (lost) (buttons.find((button) => !button.hidden) ?? this).focus();
  }

  /** @param {Export} job */
  #showAllFiles(job) {
    this.#showsAllFiles = true;
    this.#showFiles(job);
    const next = this.querySelectorAll('.export-file')[SHOWN_FILES]?.querySelector('a');
    next?.focus();
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const button = event.target instanceof Element ? event.target.closest('button') : null;
    if (!button || !this.#job) return;
    const { action } = button.dataset;
    if (button.dataset.part === 'more') this.#showAllFiles(this.#job);
    else if (action) emit(this, 'export-action', { action, job: this.#job });
    else if (button.dataset.part === 'play')
      emit(this, 'export-play', { file: this.#job.files[Number(button.dataset.index)], job: this.#job });
  }
}

/** @param {ExportFile} file @param {number} index its place among the files of the export */
function fileRow(file, index) {
  const row = cloneTemplate('export-file');
  const name = part(row, 'name', HTMLAnchorElement);
  name.textContent = file.name;
  const download = part(row, 'download', HTMLAnchorElement);
  for (const link of [name, download]) {
    link.href = file.url;
    link.setAttribute('download', file.name);
  }
  download.setAttribute('aria-label', `Download ${file.name}`);
  const range = rangeText(Date.parse(file.start_time), Date.parse(file.end_time));
  part(row, 'range', HTMLElement).textContent = isVideo(file) ? range : '';
  part(row, 'facts', HTMLElement).textContent = fileFacts(file);
  const play = part(row, 'play', HTMLButtonElement);
  play.dataset.index = String(index);
  play.hidden = !isPlayable(file);
  play.setAttribute('aria-label', `Play ${file.name}`);
  return row;
}

customElements.define('export-row', ExportRow);
