// @ts-check
import { cloneTemplate, part } from './dom.js';

/**
 * Return the rows of a list for these ids, in their order, and remove all other rows. New rows are copies of a template.
 * A row that stays is not moved unless the order changes: a moved element loses the focus. The focus of a removed row
 * goes to a row beside it.
 *
 * @template {HTMLElement} T
 * @param {HTMLElement} list
 * @param {number[]} ids
 * @param {string} template
 * @param {new (...args: any[]) => T} kind
 * @returns {T[]}
 */
export function keyedRows(list, ids, template, kind) {
  const wanted = new Set(ids.map(String));
  /** @type {Map<string, T>} */
  const rows = new Map();
  let lostFocus = false;
  /** @type {T|undefined} */
  let before;
  /** @type {T|undefined} */
  let after;
  for (const row of [...list.children]) {
    const id = row instanceof kind ? (row.dataset.id ?? '') : '';
    if (row instanceof kind && wanted.has(id)) {
      rows.set(id, row);
      if (lostFocus) after ??= row;
      else before = row;
    } else {
      lostFocus ||= row.contains(document.activeElement);
      row.remove();
    }
  }
  if (lostFocus) (after ?? before)?.focus();
  let at = list.firstElementChild;
  return ids.map((id) => {
    const row = rows.get(String(id)) ?? part(cloneTemplate(template), 'row', kind);
    row.dataset.id = String(id);
    if (row === at) at = at.nextElementSibling;
    else list.insertBefore(row, at);
    return row;
  });
}
