// @ts-check
/** Words of the page of the detector of objects, and the size of the picture that a model is tried on. */
import { counted, fileSize } from './format.js';

/**
 * @typedef {import('./detector-types.js').Detector} Detector
 * @typedef {import('./detector-types.js').DetectorModel} DetectorModel
 * @typedef {import('./detector-types.js').ModelTrial} ModelTrial
 */

/** A body has at most 64 kB, and base64 makes four characters of three bytes. */
export const MOST_PICTURE_BYTES = 45_000;
const LONGEST_SIDE = 640;

const EVENTS = { person: 'Person', vehicle: 'Vehicle', animal: 'Animal', '': 'None' };

/** Return title and text about the state. @param {Detector} detector @returns {{title: string, text: string}} */
export function stateWords(detector) {
  const { state, is_installed: isInstalled, model, ms, pictures, problem } = detector;
  if (!isInstalled) {
    return {
      title: 'Objects are not recognized',
      text: 'The detector is not installed on this server. It tells persons, vehicles and animals in pictures with motion. It needs about 300 MB on the disk and 120 MB of memory.',
    };
  }
  if (!model) return { title: 'Objects are not recognized', text: 'No model is chosen.' };
  if (state === 'failed') return { title: 'The detector does not work', text: problem };
  const cost = ms === null ? '' : ` It has looked at ${counted(pictures, 'picture')}, the last ones in ${Math.round(ms)} ms each.`;
  return { title: 'Objects are recognized', text: `The model ${model} looks at the pictures in which this server sees motion.${cost}` };
}

/** Return whose state the page shows, if there are several servers. @param {Detector} detector @returns {string} */
export function serverText({ node }) {
  if (!node) return '';
  return `This is the state of the server ${node}. Each server has models in a folder of its own; the choice counts for all.`;
}

/** Return the words above the channels with a search for motion. @param {number} count @param {boolean} hasServers */
export function watchedWords(count, hasServers = false) {
  if (count && hasServers) return `The servers look for motion in ${counted(count, 'channel')}:`;
  if (count) return `This server looks for motion in ${counted(count, 'channel')}:`;
  return 'This server looks for motion in no channel yet, so it recognizes nothing. Open the live view of a camera, choose “Edit” at its channels, then “Motion”, and switch it on.';
}

/** Return the facts beside a model's name. @param {DetectorModel} model */
export function modelFacts({ size_bytes: bytes, format, licence }) {
  return [fileSize(bytes), format, licence].filter(Boolean).join(' · ');
}

/** Return the facts about a trial. @param {ModelTrial} trial */
export function trialFacts({ format, width, height, labels, load_ms: loadMs, ms, objects }) {
  const found = objects.length ? counted(objects.length, 'object') : 'No object';
  return `${found} in ${Math.round(ms)} ms of processor time. Format ${format}, ${width} × ${height} pixels, ${counted(labels, 'label')}, loaded in ${Math.round(loadMs)} ms.`;
}

/** Return the kind of event that an object would be. @param {'person'|'vehicle'|'animal'|''} kind */
export function eventOf(kind) {
  return EVENTS[kind];
}

/** Return the sides of a picture that fit into a request. @param {number} width @param {number} height */
export function trialSize(width, height) {
  const factor = Math.min(1, LONGEST_SIDE / Math.max(width, height, 1));
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}

/** Return the place of a box in a picture of 1000 x 1000. @param {number[]} box */
export function boxPlace([x = 0, y = 0, width = 0, height = 0]) {
  const [left, top, w, h] = [x, y, width, height].map((share) => String(Math.round(1000 * share)));
  return { x: left ?? '0', y: top ?? '0', width: w ?? '0', height: h ?? '0' };
}
