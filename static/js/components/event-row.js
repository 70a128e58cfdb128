// @ts-check
import { kindIcon } from '../lib/event-kinds.js';
import { boxInFrame } from '../lib/motion-geometry.js';
import { eventFacts, eventLength, eventPlace, eventTime, eventTitle } from '../lib/event-text.js';
import { emit, part, setAttribute, setText } from './dom.js';

/** @typedef {import('../lib/events-api.js').LoggedEvent} LoggedEvent */

/** Width by height of the frames of pictures. */
const FRAME_SHAPE = 16 / 9;

/**
 * A row of the list of events: the picture, and a link to the recording. It changes in place, so that the focus stays.
 * Emits 'event-play', 'event-keep', 'event-similar' and 'event-seen' with the event, and 'event-leave' when the link leads
 * to another page, because the event is of no channel.
 */
export class EventRow extends HTMLElement {
  /** @type {LoggedEvent|null} */
  #event = null;
  #key = '';
  #boxOfPicture = '';
  #isWired = false;

  connectedCallback() {
    if (this.#isWired) return;
    this.#isWired = true;
    this.link.addEventListener('click', (event) => {
      // Other clicks are the browser's: they open the recordings page in a new tab or window.
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      if (this.#hasRecording) event.preventDefault();
      emit(this, this.#hasRecording ? 'event-play' : 'event-leave', this.#event);
    });
    part(this, 'keep', HTMLElement).addEventListener('click', () => emit(this, 'event-keep', this.#event));
    part(this, 'seen', HTMLElement).addEventListener('click', () => emit(this, 'event-seen', this.#event));
    part(this, 'similar', HTMLElement).addEventListener('click', () => emit(this, 'event-similar', this.#event));
    this.#picture.addEventListener('load', () => drawBox(part(this, 'box', HTMLElement), this.#picture, this.#event?.box));
  }

  disconnectedCallback() {
    // A row that is moved is connected again immediately, and keeps its picture.
    queueMicrotask(() => this.isConnected || this.#forgetPicture());
  }

  get event() {
    return this.#event;
  }

  get #hasRecording() {
    return this.#event !== null && this.#event.camera_id !== null && this.#event.channel !== null;
  }

  get link() {
    return part(this, 'link', HTMLAnchorElement);
  }

  get #picture() {
    return part(this, 'picture', HTMLImageElement);
  }

  /** @param {LoggedEvent} event @param {{nowMs: number, playUrl: string, exportUrl: string}} how */
  show(event, { nowMs, playUrl, exportUrl }) {
    const length = eventLength(event, nowMs);
    const key = JSON.stringify([event, length]);
    if (key === this.#key) return;
    this.#key = key;
    this.#event = event;
    const title = eventTitle(event);
    const place = eventPlace(event);
    const time = eventTime(event);
    const isAlert = event.severity === 'alert';
    setAttribute(this, 'data-unseen', !event.seen);
    setAttribute(this, 'data-alert', isAlert);
    for (const name of ['icon', 'placeholder']) part(this, name, SVGElement).setAttribute('href', `#icon-${kindIcon(event.kind)}`);
    const { link } = this;
    setText(link, title);
    link.href = playUrl;
    link.setAttribute('aria-label', [title, place, time, isAlert ? 'alert' : '', event.seen ? '' : 'new'].filter(Boolean).join(', '));
    part(this, 'alert', HTMLElement).hidden = !isAlert;
    part(this, 'new', HTMLElement).hidden = event.seen;
    setText(part(this, 'place', HTMLElement), place);
    const begin = part(this, 'time', HTMLElement);
    setText(begin, time);
    begin.setAttribute('datetime', event.start_time);
    this.#showText('length', length);
    setAttribute(part(this, 'length', HTMLElement), 'data-open', event.end_time === null);
    this.#showText('facts', eventFacts(event).join(' · '));
    this.#showActions(event, `${title}, ${time}`, exportUrl);
  }

  /** @param {string} name @param {string} text */
  #showText(name, text) {
    const element = part(this, name, HTMLElement);
    setText(element, text);
    element.hidden = !text;
  }

  get hasPicture() {
    return !this.#picture.hidden;
  }

  /** True if the picture is of an earlier state of the event, which now has a better one. */
  get isPictureOld() {
    return this.hasPicture && this.#boxOfPicture !== JSON.stringify(this.#event?.box ?? null);
  }

  /** @param {Blob} blob */
  showPicture(blob) {
    this.#forgetPicture();
    this.#boxOfPicture = JSON.stringify(this.#event?.box ?? null);
    const picture = this.#picture;
    picture.src = URL.createObjectURL(blob);
    picture.hidden = false;
  }

  #forgetPicture() {
    const picture = this.#picture;
    if (picture.src) URL.revokeObjectURL(picture.src);
    picture.removeAttribute('src');
    picture.hidden = true;
    part(this, 'box', HTMLElement).hidden = true;
  }

  /** @param {LoggedEvent} event @param {string} name @param {string} exportUrl */
  #showActions(event, name, exportUrl) {
    const exporting = part(this, 'export', HTMLAnchorElement);
    exporting.hidden = !this.#hasRecording;
    exporting.href = exportUrl;
    exporting.setAttribute('aria-label', `Export ${name}`);
    const keep = part(this, 'keep', HTMLElement);
    keep.hidden = !this.#hasRecording;
    keep.setAttribute('aria-label', `Keep ${name}`);
    const similar = part(this, 'similar', HTMLElement);
    similar.hidden = !event.has_look;
    similar.setAttribute('aria-label', `Similar to ${name}`);
    const seen = part(this, 'seen', HTMLElement);
    const words = event.seen ? 'Mark as new' : 'Mark as seen';
    seen.dataset.tip = words;
    seen.setAttribute('aria-label', `${words}: ${name}`);
  }
}

/**
 * Draw the box of an event over its picture, which covers its frame.
 *
 * @param {HTMLElement} frame the drawn box
 * @param {HTMLImageElement} picture
 * @param {number[]|null|undefined} box
 */
export function drawBox(frame, picture, box) {
  const { naturalWidth: width, naturalHeight: height } = picture;
  const drawn = box && width && height ? boxInFrame(box, width / height, FRAME_SHAPE) : null;
  frame.hidden = !drawn;
  for (const [name, value] of Object.entries(drawn ?? {})) frame.style.setProperty(`--${name}`, String(value));
}

customElements.define('event-row', EventRow);
