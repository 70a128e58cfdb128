// @ts-check
/** The part of the storage page about the object storage. */
import { cloneTemplate, part, setText } from '../components/dom.js';
import { copiesText, lastText, objectStorageProblem, objectStorageWords, waitingText } from '../lib/object-storage-text.js';
import { byId } from './page.js';

/** @typedef {import('../lib/object-storage-text.js').ObjectStorage} ObjectStorage */

/** @param {ObjectStorage|null|undefined} storage @returns {boolean} true if it has a problem */
export function showObjectStorage(storage) {
  const section = byId('objects-part', HTMLElement);
  section.hidden = !storage;
  if (!storage) return false;
  const item = cloneTemplate('object-storage');
  const words = objectStorageWords(storage.state);
  part(item, 'card', HTMLElement).dataset.tone = words.tone;
  setText(part(item, 'name', HTMLElement), storage.url);
  const state = part(item, 'state', HTMLElement);
  setText(state, words.text);
  state.dataset.tone = words.tone;
  const nowMs = Date.now();
  setText(part(item, 'waiting', HTMLElement), waitingText(storage, nowMs));
  setText(part(item, 'copies', HTMLElement), copiesText(storage));
  setText(part(item, 'last', HTMLElement), lastText(storage, nowMs));
  const problem = part(item, 'problem', HTMLElement);
  setText(problem, objectStorageProblem(storage));
  problem.hidden = !problem.textContent;
  byId('objects', HTMLElement).replaceChildren(item);
  return words.tone === 'bad';
}
