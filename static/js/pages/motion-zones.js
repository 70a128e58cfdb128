// @ts-check
/** The list of zones beside the picture: their names and kinds, with the fields of the chosen one. */
import { part, setAttribute, setText } from '../components/dom.js';
import { keyedRows } from '../components/keyed-rows.js';
import { withPointAfter } from '../lib/motion-geometry.js';
import { MOST_ZONES } from '../lib/motion-draft.js';
import { ZONE_KINDS, nameErrors, shapeText } from '../lib/motion-text.js';
import { byId } from './page.js';

/**
 * @typedef {import('../lib/motion-draft.js').MotionDraft} MotionDraft @typedef {import('../lib/motion-draft.js').Zone} Zone
 * @typedef {import('../lib/motion-draft.js').ZoneKind} ZoneKind
 */

export class ZoneRows {
  #draft;
  #editor;
  #list = byId('zones', HTMLElement);
  /** True once the user has tried to save: only then errors of unfinished names show. */
  #showsErrors = false;

  /** @param {MotionDraft} draft @param {import('../components/zone-editor.js').ZoneEditor} editor */
  constructor(draft, editor) {
    this.#draft = draft;
    this.#editor = editor;
    draft.addEventListener('change', () => this.draw());
  }

  /** Move the focus to the row of the chosen zone, otherwise to the first one; without zones to the button that adds one. */
  focus() {
    const chosen = this.#list.querySelector(`[data-id="${this.#draft.chosenId}"] [data-part="choose"]`);
    const target = chosen ?? this.#list.querySelector('[data-part="choose"]') ?? document.querySelector('[data-add]');
    if (target instanceof HTMLElement) target.focus();
  }

  /** Move the focus to the name of a zone. @param {number|null} id */
  focusName(id) {
    const name = this.#list.querySelector(`[data-id="${id}"] [data-part="name"]`);
    if (!(name instanceof HTMLInputElement)) return;
    name.focus();
    name.select();
  }

  /** Show the errors of names. Return the id of the first zone with one; null if all are right. */
  check() {
    this.#showsErrors = true;
    const [first = null] = nameErrors(this.#draft.zones).keys();
    if (first !== null) this.#draft.choose(first);
    this.draw();
    if (first !== null) this.focusName(first);
    return first;
  }

  draw() {
    const { zones, chosenId } = this.#draft;
    const errors = this.#showsErrors ? nameErrors(zones) : new Map();
    const ids = zones.map(({ id }) => id);
    const rows = keyedRows(this.#list, ids, 'motion-zone', HTMLElement);
    rows.forEach((row, index) => {
      const zone = zones[index];
      if (zone) this.#drawRow(row, zone, zone.id === chosenId, errors.get(zone.id) ?? '');
    });
    setText(byId('zones-count', HTMLElement), zones.length ? String(zones.length) : '');
    const isMaskedOnly = zones.length > 0 && zones.every(({ kind }) => kind === 'ignore');
    byId('zones-none', HTMLElement).hidden = zones.length > 0;
    byId('zones-masks', HTMLElement).hidden = !isMaskedOnly;
    for (const button of document.querySelectorAll('[data-add]')) {
      if (!(button instanceof HTMLButtonElement)) continue;
      button.disabled = !this.#draft.canAdd;
      button.title = zones.length >= MOST_ZONES ? `A channel has at most ${MOST_ZONES} zones.` : '';
    }
  }

  /** @param {HTMLElement} row @param {Zone} zone @param {boolean} isChosen @param {string} error */
  #drawRow(row, zone, isChosen, error) {
    const { id } = zone;
    const { isReadOnly } = this.#draft;
    if (!row.dataset.wired) this.#wire(row, id);
    setAttribute(row, 'data-chosen', isChosen);
    const head = part(row, 'choose', HTMLButtonElement);
    setAttribute(head, 'aria-expanded', isReadOnly ? null : String(isChosen));
    setAttribute(head, 'aria-pressed', isReadOnly ? String(isChosen) : null);
    part(row, 'mark', HTMLElement).dataset.kind = zone.kind;
    setText(part(row, 'title', HTMLElement), zone.name || 'Without a name');
    setText(part(row, 'facts', HTMLElement), `${ZONE_KINDS[zone.kind].name}, ${zone.points.length} points`);
    part(row, 'fields', HTMLElement).hidden = !isChosen || isReadOnly;
    const name = part(row, 'name', HTMLInputElement);
    if (name.value !== zone.name) name.value = zone.name;
    setAttribute(name, 'aria-invalid', error ? 'true' : null);
    const line = part(row, 'error', HTMLElement);
    setText(line, error);
    line.hidden = !error;
    part(row, 'kind', HTMLSelectElement).value = zone.kind;
    setText(part(row, 'kind-text', HTMLElement), ZONE_KINDS[zone.kind].text);
    setText(part(row, 'shape', HTMLElement), shapeText(zone));
    part(row, 'add-point', HTMLButtonElement).disabled = withPointAfter(zone.points, 0) === null;
  }

  /** @param {HTMLElement} row @param {number} id */
  #wire(row, id) {
    const draft = this.#draft;
    row.dataset.wired = 'true';
    row.tabIndex = -1; // for the focus of a removed row
    for (const field of ['name', 'kind']) {
      const element = part(row, field, HTMLElement);
      element.id = `zone-${field}-${id}`;
      part(row, `${field}-label`, HTMLLabelElement).htmlFor = element.id;
    }
    const kind = part(row, 'kind', HTMLSelectElement);
    kind.replaceChildren(...Object.entries(ZONE_KINDS).map(([value, words]) => new Option(words.name, value)));
    kind.addEventListener('change', () => draft.change(id, { kind: /** @type {ZoneKind} */ (kind.value) }));
    const name = part(row, 'name', HTMLInputElement);
    name.addEventListener('input', () => draft.change(id, { name: name.value }, `name ${id}`));
    name.addEventListener('blur', () => draft.settle());
    part(row, 'choose', HTMLElement).addEventListener('click', () => draft.choose(draft.chosenId === id ? null : id));
    part(row, 'points', HTMLElement).addEventListener('click', () => this.#editor.focusPoint());
    part(row, 'add-point', HTMLElement).addEventListener('click', () => this.#addPoint(id));
    part(row, 'remove', HTMLElement).addEventListener('click', () => this.#remove(id));
  }

  /** Add a point in the middle of the longest edge, and move the focus to it. @param {number} id */
  #addPoint(id) {
    const zone = this.#draft.zones.find((one) => one.id === id);
    if (!zone) return;
    const lengths = zone.points.map((point, index) => {
      const next = zone.points[(index + 1) % zone.points.length] ?? point;
      return Math.hypot(next.x - point.x, next.y - point.y);
    });
    const longest = lengths.indexOf(Math.max(...lengths));
    const points = withPointAfter(zone.points, longest);
    if (!points) return;
    this.#draft.change(id, { points });
    this.#editor.focusPoint(longest + 1);
  }

  /** @param {number} id */
  #remove(id) {
    this.#draft.remove(id);
    this.focus();
  }
}
