// @ts-check
/** The search by words of the events page, and what the server has understood of them. */
import { setText } from '../components/dom.js';
import { wordsIn } from '../lib/event-filter.js';
import { piecesText, wordPieces } from '../lib/event-words.js';
import { byId } from './page.js';

/** @typedef {import('../lib/event-words.js').Piece} Piece */

/** Emits 'words' with the text when the user searches for it; '' ends the search. */
export class EventWords extends EventTarget {
  #field = byId('search-words', HTMLInputElement);
  #list = byId('words', HTMLElement);
  #words = '';

  constructor() {
    super();
    byId('search', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      this.#emit();
    });
    // The button of the field that empties it.
    this.#field.addEventListener('input', () => this.#field.value || this.#emit());
  }

  /** The words of the present filter. @param {string} words */
  set words(words) {
    this.#words = words;
    if (wordsIn(this.#field.value) !== words) this.#field.value = words;
  }

  /**
   * Show what the server has made of the words.
   *
   * @param {Parameters<typeof wordPieces>[0]} told
   * @param {import('../lib/api.js').Camera[]} cameras
   */
  show(told, cameras) {
    const pieces = this.#words ? wordPieces(told, cameras) : [];
    this.#list.hidden = !pieces.length;
    const items = pieces.map(pieceItem);
    const isSame = this.#list.textContent === items.map(({ textContent }) => textContent).join('');
    if (!isSame) this.#list.replaceChildren(...items);
    setText(byId('words-status', HTMLElement), piecesText(pieces));
  }

  #emit() {
    const words = wordsIn(this.#field.value);
    if (words !== this.#words) this.dispatchEvent(new CustomEvent('words', { detail: words }));
  }
}

/** @param {Piece} piece */
function pieceItem({ text, isUnderstood }) {
  const item = document.createElement('li');
  if (isUnderstood) {
    item.textContent = text;
    return item;
  }
  const struck = document.createElement('s');
  struck.textContent = text;
  const note = document.createElement('span');
  note.className = 'visually-hidden';
  note.textContent = 'not understood: ';
  item.append(note, struck);
  item.dataset.left = '';
  item.title = 'Not understood, and left out';
  return item;
}
