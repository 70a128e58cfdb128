// @ts-check
/** The camera controls: ptz-control.js imports them when the control mode begins. */
import { ConfirmDialog } from '../components/confirm-dialog.js';
import { PtzMode } from '../components/ptz-mode.js';
import { PtzApi } from '../lib/ptz-api.js';
import { byId, httpOptions } from './page.js';

/**
 * @param {{cameraId: number, number: number}} channel
 * @param {Omit<import('../components/ptz-mode.js').ModeOptions, 'api'|'confirm'>} options
 */
export function createMode({ cameraId, number }, options) {
  const api = new PtzApi(document.body.dataset.cameras ?? '', cameraId, number, httpOptions());
  return new PtzMode({ ...options, api, confirm: (title, text, yes) => byId('confirm', ConfirmDialog).ask(title, text, yes) });
}
