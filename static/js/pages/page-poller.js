// @ts-check
/** The poller of a page that shows the state of the server, with the page's problem line and its button "Try again". */
import { setText } from '../components/dom.js';
import { problemOf } from '../lib/http.js';
import { Poller } from '../lib/poller.js';
import { byId } from './page.js';

/**
 * Return a poller that calls `refresh` every `everyMs`. After a failure the problem line says why until the next success.
 *
 * @param {() => Promise<void>} refresh
 * @param {number} everyMs
 */
export function pagePoller(refresh, everyMs) {
  const poller = new Poller(async () => {
    try {
      await refresh();
      byId('problem', HTMLElement).hidden = true;
    } catch (error) {
      byId('problem', HTMLElement).hidden = false;
      setText(byId('problem-text', HTMLElement), problemOf(error).detail);
      throw error;
    }
    return everyMs;
  });
  byId('problem-retry', HTMLElement).addEventListener('click', () => poller.soon());
  return poller;
}
