// @ts-check
/** The state of a camera in two words. */
import { shortMessageOf } from './messages.js';

/** @typedef {{text: string, tone: 'busy'|'good'|'bad'}} CameraStatusText */

/** @type {Record<import('./api-types.js').CameraStatus, CameraStatusText>} */
const STATUS = {
  connecting: { text: 'Connecting', tone: 'busy' },
  online: { text: 'Online', tone: 'good' },
  offline: { text: 'Offline', tone: 'bad' },
  auth_failed: { text: 'Wrong password', tone: 'bad' },
};

/** Problems of devices that answer, and whose password may be right. @type {Record<string, string>} */
const WAITS_FOR_USER = {
  readable_login_needed: 'Needs permission',
  certificate_changed: 'New certificate',
};

/** @param {string} status of the camera @param {string|null|undefined} code of its problem @returns {CameraStatusText} */
export function cameraStatusText(status, code) {
  const known = Object.hasOwn(STATUS, status) ? STATUS[/** @type {keyof typeof STATUS} */ (status)] : STATUS.connecting;
  if (known.tone === 'good' && code) return { text: shortMessageOf(code), tone: 'bad' };
  const waits = known.tone === 'bad' && code && Object.hasOwn(WAITS_FOR_USER, code) ? WAITS_FOR_USER[code] : undefined;
  return waits ? { text: waits, tone: 'bad' } : known;
}
