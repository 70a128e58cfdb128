// @ts-check
/** The evidence packages of the page of exports: their list, and the dialog that makes one of selected exports. */
import { AppDialog } from '../components/app-dialog.js';
import { CaseRow } from '../components/case-row.js';
import { ConfirmDialog } from '../components/confirm-dialog.js';
import { setText } from '../components/dom.js';
import { clearErrors, onSubmit } from '../components/field-errors.js';
import { keyedRows } from '../components/keyed-rows.js';
import { casesPauseMs } from '../lib/case-text.js';
import { CasesApi } from '../lib/cases-api.js';
import { problemOf } from '../lib/http.js';
import { Poller } from '../lib/poller.js';
import { byId, httpOptions, showToast } from './page.js';

/** @typedef {import('../lib/case-types.js').Case} Case */

/** Emits 'made' when a case was made: its exports are kept from then on. */
export class EvidencePackages extends EventTarget {
  #api = new CasesApi({ cases: document.body.dataset.cases ?? '', evidence: document.body.dataset.evidence ?? '' }, httpOptions());
  #list = byId('cases-list', HTMLElement);
  #dialog = byId('evidence-dialog', AppDialog);
  #form = byId('evidence-form', HTMLFormElement);
  /** @type {{id: number, title: string}[]} */
  #chosen = [];
  #hasKey = false;
  /** A new case, which gets the focus as soon as it is on the page. @type {number|null} */
  #wantedId = null;
  #poller = new Poller(async () => {
    const cases = await this.#load();
    this.#draw(cases);
    if (cases.length && !this.#hasKey) await this.#showKey();
    return casesPauseMs(cases);
  });

  constructor() {
    super();
    this.#list.addEventListener('case-make', (event) => void this.#make(/** @type {CustomEvent<Case>} */ (event).detail));
    this.#list.addEventListener('case-delete', (event) => void this.#remove(/** @type {CustomEvent<Case>} */ (event).detail));
    document.addEventListener('visibilitychange', () => (document.hidden ? this.#poller.stop() : this.refresh()));
    onSubmit(this.#form, () => this.#add());
  }

  /** Request the packages now, and again while one is being made. */
  refresh() {
    this.#poller.start();
    this.#poller.soon();
  }

  /** Return the names of the cases with an export. @param {number} exportId */
  async namesWith(exportId) {
    const cases = await this.#api.list();
    return cases.filter((item) => item.exports.includes(exportId)).map(({ name }) => name);
  }

  /** Ask for a name, and make a package of these exports. @param {{id: number, title: string}[]} chosen */
  open(chosen) {
    this.#chosen = chosen;
    clearErrors(this.#form);
    byId('evidence-exports', HTMLElement).replaceChildren(
      ...chosen.map(({ title }) => {
        const item = document.createElement('li');
        item.textContent = title;
        return item;
      }),
    );
    byId('evidence-name', HTMLInputElement).value = chosen.length === 1 ? (chosen[0]?.title.slice(0, 80) ?? '') : '';
    byId('evidence-notes', HTMLTextAreaElement).value = '';
    this.#dialog.show();
    byId('evidence-name', HTMLInputElement).select();
  }

  async #add() {
    const made = await this.#api.add({
      name: byId('evidence-name', HTMLInputElement).value.trim(),
      notes: byId('evidence-notes', HTMLTextAreaElement).value.trim(),
      exports: this.#chosen.map(({ id }) => id),
    });
    this.#dialog.close();
    this.dispatchEvent(new Event('made'));
    this.#wantedId = made.id;
    await this.#make(made);
  }

  /** @param {Case} item */
  async #make(item) {
    try {
      await this.#api.makePackage(item.id);
    } catch (error) {
      showToast(problemOf(error).detail, 'bad');
    }
    this.refresh();
  }

  /** @param {Case} item */
  async #remove(item) {
    const confirm = byId('confirm', ConfirmDialog);
    if (!(await confirm.ask(`Delete “${item.name}”?`, 'The package is deleted. Its exports stay.'))) return;
    try {
      await this.#api.remove(item.id);
    } catch (error) {
      showToast(problemOf(error).detail, 'bad');
    }
    this.refresh();
  }

  async #load() {
    let problem = '';
    try {
      return await this.#api.list();
    } catch (error) {
      problem = `The evidence packages cannot be loaded. ${problemOf(error).detail}`;
      throw error;
    } finally {
      byId('cases-problem', HTMLElement).hidden = !problem;
      setText(byId('cases-problem-text', HTMLElement), problem);
    }
  }

  /** Show the fingerprint, or why there is none: packages can be downloaded and deleted without it. */
  async #showKey() {
    let fingerprint = '';
    let problem = '';
    try {
      ({ fingerprint } = await this.#api.key());
      this.#hasKey = true;
    } catch (error) {
      problem = problemOf(error).detail;
    }
    setText(byId('evidence-fingerprint', HTMLElement), fingerprint);
    setText(byId('evidence-key-problem', HTMLElement), problem);
  }

  /** @param {Case[]} cases */
  #draw(cases) {
    byId('cases', HTMLElement).hidden = !cases.length;
    const rows = keyedRows(
      this.#list,
      cases.map(({ id }) => id),
      'case-row',
      CaseRow,
    );
    for (const [index, item] of cases.entries()) {
      const row = rows[index];
      row?.show(item);
      if (item.id !== this.#wantedId) continue;
      this.#wantedId = null;
      row?.focus({ preventScroll: true });
      row?.scrollIntoView({ block: 'nearest' });
    }
  }
}
