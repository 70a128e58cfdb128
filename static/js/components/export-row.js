// @ts-check
import { expiryText, fileFacts, formatName, isVideo, progressOf, rangeText, reasonOf, stateOf } from '../lib/export-text.js';
import { actionsOf, rangeLines, titleOf } from '../lib/export-list.js';
import { cloneTemplate, emit, part, setAttribute, setText } from './dom.js';

/**
 * @typedef {import('../lib/export-types.js').Export} Export
 * @typedef {import('../lib/export-types.js').FileOfExport} ExportFile
 * @typedef {import('../lib/export-list.js').ExportAction} ExportAction
 * @typedef {{namesOf: import('../lib/export-list.js').NamesOf, nowMs: number, hasOwner: boolean}} Shown `hasOwner`: name the
 *   owner, because the list has exports of others
 */

/**
 * A row of the list of exports. It changes in place, so that the focus stays. Emits 'export-action' {action, job} and
 * 'export-play' {file, job}.
 */
export class ExportRow extends HTMLElement {
  /** @type {Export|null} */
  #job = null;
  #filesKey = '';

  connectedCallback() {
    this.addEventListener('click', (event) => this.#click(event));
  }

  get job() {
    return this.#job;
  }

  /** @param {Export} job @param {Shown} shown */
  show(job, { namesOf, nowMs, hasOwner }) {
    this.#job = job;
    const title = titleOf(job, namesOf);
    const { text, tone } = stateOf(job);
    this.dataset.state = job.state;
    this.dataset.id = String(job.id);
    setText(part(this, 'title', HTMLElement), title);
    const state = part(this, 'state', HTMLElement);
    setText(state, text);
    setAttribute(state, 'data-tone', tone === 'quiet' ? null : tone);
    this.#showText('owner', hasOwner && job.owner ? `of ${job.owner}` : '');
    this.#showLines(rangeLines(job, namesOf));
    this.#showText('notes', job.notes);
    this.#showProgress(job, title);
    this.#showText('reason', reasonOf(job));
    setAttribute(part(this, 'reason', HTMLElement), 'data-tone', job.state === 'failed' ? 'bad' : job.error ? 'busy' : null);
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

  /** @param {string[]} lines */
  #showLines(lines) {
    const list = part(this, 'ranges', HTMLElement);
    if (lines.join('\n') === [...list.children].map((item) => item.textContent).join('\n')) return;
    list.replaceChildren(
      ...lines.map((line) => {
        const item = document.createElement('li');
        item.textContent = line;
        return item;
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
    const key = job.files.map((file) => `${file.name} ${file.sha256}`).join('\n');
    if (key === this.#filesKey) return;
    this.#filesKey = key;
    list.replaceChildren(...job.files.map((file, index) => fileRow(file, index)));
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

  /** @param {MouseEvent} event */
  #click(event) {
    const button = event.target instanceof Element ? event.target.closest('button') : null;
    if (!button || !this.#job) return;
    const { action } = button.dataset;
    if (action) emit(this, 'export-action', { action, job: this.#job });
    else if (button.dataset.part === 'play')
      emit(this, 'export-play', { file: this.#job.files[Number(button.dataset.index)], job: this.#job });
  }
}

/** @param {ExportFile} file @param {number} index */
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
  play.hidden = !isVideo(file);
  play.setAttribute('aria-label', `Play ${file.name}`);
  return row;
}

customElements.define('export-row', ExportRow);
