// @ts-check
/** The panels of the wall: wall-popups.js imports them after the first pictures, or when one of them is opened. */
import { AppDialog } from '../components/app-dialog.js';
import { ChannelPicker } from '../components/channel-picker.js';
import { SnapshotLoader } from '../components/snapshot-loader.js';
import { byId } from './page.js';
import { WallMenu } from './wall-menu.js';

const SNAPSHOT_MS = 60_000;

export const picker = byId('picker', ChannelPicker);
export const keysDialog = byId('keys-dialog', AppDialog);

/** Return the tiles' menu. @param {import('../lib/api.js').Api} api @param {import('./wall-board.js').WallBoard} board */
export function createMenu(api, board) {
  picker.snapshots = new SnapshotLoader(api, { refreshMs: SNAPSHOT_MS });
  return new WallMenu(api, board);
}
