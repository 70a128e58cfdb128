// @ts-check
/** The button that copies an address of the channel's live picture for another player. */
import { copied, setText } from '../components/dom.js';
import { problemOf } from '../lib/api.js';
import { byId } from './page.js';

const COPIED = 'Copied. Each person with this address sees the channel, for a day or until you log out.';
const COPIED_HERE = 'Copied. Without accounts, only players on this machine can open it.';

/**
 * @param {import('../lib/api.js').Api} api
 * @param {number} cameraId
 * @param {() => number|null} channelNow
 */
export function offerAddress(api, cameraId, channelNow) {
  const button = byId('copy-address', HTMLButtonElement);
  const note = byId('copy-address-note', HTMLElement);
  button.addEventListener('click', async () => {
    const channel = channelNow();
    if (channel === null) return;
    button.disabled = true;
    try {
      const { address, expires_at: end } = await api.makePlayerLink(cameraId, channel);
      // Without a clipboard, the user copies the text.
      setText(note, (await copied(address)) ? (end ? COPIED : COPIED_HERE) : address);
    } catch (error) {
      setText(note, problemOf(error).detail);
    } finally {
      button.disabled = false;
    }
  });
}
