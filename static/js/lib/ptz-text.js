// @ts-check
/** Words about heads for users. */
import { ApiError, problemOf } from './http.js';

/** @typedef {import('./ptz-types.js').PtzMover} PtzMover */

/** Return the name of an auxiliary command: "Wiper on" for tt:Wiper|On. @param {string} command */
export function auxiliaryName(command) {
  const plain = command.replace(/^[\w-]*:/, '');
  const [what = '', how = ''] = plain.split('|');
  const words = what
    .replace(/^IR/, 'infrared ')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/[_\s]+/g, ' ')
    .trim()
    .toLowerCase();
  const name = [words, how.toLowerCase()].filter(Boolean).join(' ');
  return name ? name[0]?.toUpperCase() + name.slice(1) : command;
}

/** @param {number|null} seconds */
function freeText(seconds) {
  return seconds === null ? '' : ` It is free in ${Math.max(1, Math.round(seconds))} s.`;
}

/** Return the sentence about another mover; '' without one. @param {PtzMover|null} mover */
export function moverText(mover) {
  if (!mover || mover.own) return '';
  const seconds = Math.max(1, Math.round(mover.for_s ?? 0));
  return `${mover.name} has been moving this camera for ${seconds} s.${freeText(mover.free_in_s)}`;
}

/** @param {unknown} error @returns {{text: string, isInUse: boolean}} */
export function ptzProblem(error) {
  const { code, detail } = problemOf(error);
  const isInUse = code === 'ptz_in_use';
  return { text: isInUse && error instanceof ApiError ? detail + freeText(error.freeInS) : detail, isInUse };
}

/** @param {number} seconds @returns {string} "10 s", "2 min" */
export function stayText(seconds) {
  return seconds >= 60 && seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}
