// @ts-check
import { isComplete, messageOf } from '../lib/messages.js';
import { PHASE_TEXT } from '../lib/stream-phase.js';
import { emit, part, setText } from './dom.js';

/** @typedef {import('../lib/session-state.js').View} View @typedef {import('../lib/messages.js').Action} Action */

/** @type {Record<Action, string>} */
const ACTION_TEXT = {
  retry: 'Try again',
  edit_camera: 'Change address or password',
  use_sub: 'Use the sub stream',
  open_cameras: 'All cameras',
  compare_certificates: 'Compare the certificates',
};

/** Actions that need the permission to manage cameras. @type {Set<Action>} */
const FOR_MANAGERS = new Set(['edit_camera', 'compare_certificates']);

/**
 * The layer over a picture that is missing or stands still: shows the wait or the problem, and possible actions. Emits
 * 'overlay-action' with the chosen action, 'overlay-play' for the big play button.
 */
export class StageOverlay extends HTMLElement {
  /** @type {AbortController|null} */
  #wires = null;
  #shownActions = '';
  /** @type {ReturnType<typeof setInterval>|null} */
  #countdown = null;
  /** @type {number|null} */
  #retryAtMs = null;

  connectedCallback() {
    this.#wires = new AbortController();
    const { signal } = this.#wires;
    part(this, 'play', HTMLButtonElement).addEventListener('click', () => emit(this, 'overlay-play'), { signal });
    this.addEventListener(
      'click',
      (event) => {
        const action = event.target instanceof HTMLElement ? event.target.dataset.action : undefined;
        if (action) emit(this, 'overlay-action', action);
      },
      { signal },
    );
    this.#countdown = setInterval(() => this.#count(), 500);
  }

  disconnectedCallback() {
    this.#wires?.abort();
    if (this.#countdown !== null) clearInterval(this.#countdown);
  }

  /**
   * @param {View} view
   * @param {{paused: boolean, playable: boolean, subPossible: boolean}} also
   */
  update(view, { paused, playable, subPossible }) {
    const { phase } = view;
    const text = PHASE_TEXT[phase];
    const reason = reasonOf(view);
    const message = reason ? messageOf(reason.code) : null;
    const idle = phase === 'idle' || phase === 'ended';
    const title = message?.title ?? text.title;
    this.dataset.phase = phase;
    part(this, 'message', HTMLElement).hidden = !title || paused;
    part(this, 'play', HTMLElement).hidden = !playable || !(idle || paused);
    part(this, 'spinner', HTMLElement).hidden = !text.busy;
    part(this, 'icon', HTMLElement).hidden = !message || text.busy;
    this.dataset.tone = message?.tone ?? '';
    setText(part(this, 'title', HTMLElement), title);
    setText(part(this, 'advice', HTMLElement), this.#advice(view, message?.advice ?? text.detail));
    const { usedBy } = view;
    const users = usedBy.length ? `In use: ${usedBy.slice(0, 4).join(', ')}${usedBy.length > 4 ? ' …' : ''}` : '';
    setText(part(this, 'users', HTMLElement), users);
    this.#retryAtMs = phase === 'failed' ? view.retryAtMs : null;
    this.#count();
    const actions = (phase === 'failed' ? (message?.actions ?? []) : []).filter(
      (action) => (action !== 'use_sub' || subPossible) && (mayManage() || !FOR_MANAGERS.has(action)),
    );
    this.#setActions(actions);
  }

  /** @param {View} view @param {string} advice */
  #advice(view, advice) {
    const reason = reasonOf(view);
    const detail = reason?.detail && !isComplete(reason.code) ? `${reason.detail} ` : '';
    const again = view.phase === 'reconnecting' && reason ? ' The app tries again by itself.' : '';
    return `${detail}${advice}${again}`;
  }

  /** @param {Action[]} actions */
  #setActions(actions) {
    const key = actions.join();
    if (key === this.#shownActions) return;
    this.#shownActions = key;
    part(this, 'actions', HTMLElement).replaceChildren(
      ...actions.map((action, index) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.className = index === 0 ? 'button primary' : 'button on-dark';
        button.dataset.action = action;
        button.textContent = ACTION_TEXT[action];
        return button;
      }),
    );
  }

  #count() {
    const element = part(this, 'retry', HTMLElement);
    if (this.#retryAtMs === null) {
      setText(element, '');
      return;
    }
    const leftS = Math.max(0, Math.ceil((this.#retryAtMs - Date.now()) / 1000));
    setText(element, leftS > 0 ? `Next try in ${leftS} s` : 'Trying again');
  }
}

/** Return the problem behind a missing picture, also while the server still tries. @param {View} view */
function reasonOf({ phase, problem, stream }) {
  if (phase === 'failed') return problem;
  return phase === 'reconnecting' || phase === 'stalled' ? (stream?.error ?? null) : null;
}

/** True if the current user may change a camera's address and password. */
function mayManage() {
  return (document.body.dataset.may ?? '').split(' ').includes('manage');
}

customElements.define('stage-overlay', StageOverlay);
