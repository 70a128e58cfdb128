// @ts-check
/** The camera controls: ptz-control.js imports them when the control mode begins. */
import { ConfirmDialog } from '../components/confirm-dialog.js';
import { PtzMode } from '../components/ptz-mode.js';
import { byId } from './page.js';

/** @param {Omit<import('../components/ptz-mode.js').ModeOptions, 'confirm'>} options */
export function createMode(options) {
  return new PtzMode({ ...options, confirm: (title, text, yes) => byId('confirm', ConfirmDialog).ask(title, text, yes) });
}
