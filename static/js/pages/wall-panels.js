// @ts-check
/** Panels of the wall: loaded when one of them is opened. */
import { AppDialog } from '../components/app-dialog.js';
import { ChannelPicker } from '../components/channel-picker.js';
import { PictureFeeder } from '../components/picture-feeder.js';
import { byId } from './page.js';
import { WallMenu } from './wall-menu.js';

const PICTURE_MS = 60_000;

export const picker = byId('picker', ChannelPicker);
export const keysDialog = byId('keys-dialog', AppDialog);

/** The tiles' menu. @param {import('../lib/api.js').Api} api @param {import('./wall-board.js').WallBoard} board */
export function connect(api, board) {
  picker.feeder = new PictureFeeder(api, { refreshMs: PICTURE_MS });
  return new WallMenu(api, board);
}
