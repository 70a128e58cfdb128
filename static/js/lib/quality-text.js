// @ts-check
/** Texts about the quality of a live picture. */
import { bitrate } from './format.js';

/** @typedef {import('./quality-control.js').Limit} Limit @typedef {import('./quality-ladder.js').RungName} RungName */

export const SERVER_BUSY = 'The server is busy';

/**
 * Return the name of a rung.
 *
 * @param {RungName} rung
 * @param {number} [spacingS] time between two key frames or stills; 0 while it is unknown
 * @param {boolean} [lacksAudio] the user wants audio, which comes with whole streams only
 */
export function rungText(rung, spacingS = 0, lacksAudio = false) {
  const silence = lacksAudio ? ', no sound' : '';
  if (rung === 'keys') return (spacingS ? `1 picture / ${Math.max(1, Math.round(spacingS))} s` : 'Few pictures') + silence;
  if (rung === 'stills') return (spacingS ? `1 small picture / ${Math.max(1, Math.round(spacingS))} s` : 'Small pictures') + silence;
  return { main: 'Main', sub: 'Sub', phone: `Small video${silence}` }[rung];
}

/**
 * Return the quality of a picture that is not the best one, and why; '' for null.
 *
 * @param {Limit|null} limit
 * @param {number} [spacingS] time between two key frames; 0 while it is unknown
 * @param {boolean} [lacksAudio] see rungText()
 */
export function limitText(limit, spacingS = 0, lacksAudio = false) {
  if (!limit) return '';
  const { rung, why, kbps } = limit;
  const ofLink = kbps ? `the link carries ${bitrate(kbps)}` : 'the link is slow';
  const reason = { saver: 'this device saves data', busy: 'this device is busy', link: ofLink }[why];
  return `${rungText(rung, spacingS, lacksAudio)}: ${reason}`;
}
