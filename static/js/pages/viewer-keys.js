// @ts-check
/** The keys of the viewer page. */
import { actionOf, isDigit, numberTyping } from '../lib/keys.js';

/** @typedef {import('../lib/keys.js').KeyAction} KeyAction */

/** Actions that go on while the key is held down. @type {readonly KeyAction[]} */
const REPEATED = ['previous', 'next', 'zoom_in', 'zoom_out'];

/**
 * @param {Record<KeyAction, () => void>} actions
 * @param {{channelNumbers: () => number[], chooseChannel: (number: number) => void}} channels
 */
export function handleKeys(actions, { channelNumbers, chooseChannel }) {
  const typeDigit = numberTyping(channelNumbers, chooseChannel);
  document.addEventListener('keydown', (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (document.querySelector('dialog[open]') || target?.closest('input, textarea, select') || event.defaultPrevented) return;
    if (isDigit(event)) {
      typeDigit(event.key);
      return;
    }
    const action = actionOf(event);
    // A focused button or link handles Space itself.
    if (!action || (event.key === ' ' && target?.closest('button, a'))) return;
    if (event.repeat && !REPEATED.includes(action)) return;
    event.preventDefault();
    actions[action]();
  });
}
