// @ts-check
/** The camera on the viewer page: its name, its status, and the problem of a camera with known channels. */
import { cameraStatusText } from '../lib/camera-status.js';
import { isComplete, messageOf } from '../lib/messages.js';
import { byId, may } from './page.js';

/** @typedef {import('../lib/api.js').Problem} Problem */

/** Return the address of this camera's health card. */
export function healthAddress() {
  return `${document.body.dataset.home}#camera-${document.body.dataset.cameraId}-health`;
}

/** @param {import('../lib/api.js').Camera} camera */
export function drawCamera({ name, host, status, error }) {
  const { text, tone } = cameraStatusText(status, error?.code);
  byId('camera-name', HTMLElement).textContent = name || host;
  const pill = byId('camera-status', HTMLElement);
  pill.hidden = false;
  pill.textContent = text;
  pill.dataset.tone = tone;
}

/** @param {Problem|null} problem */
export function drawProblem(problem) {
  // The health card has a question about a changed certificate.
  write(problem ? sentenceOf(problem) : '', problem?.code === 'certificate_changed');
}

export function drawDeleted() {
  write('This camera was deleted.', false);
}

/** @param {Problem} problem */
function sentenceOf({ code, detail }) {
  const { title, advice } = messageOf(code);
  return `${title}. ${isComplete(code) ? advice : detail}`;
}

/** @param {string} text @param {boolean} asksUser */
function write(text, asksUser) {
  const words = byId('camera-problem-text', HTMLElement);
  if (words.textContent !== text) words.textContent = text;
  byId('camera-problem-link', HTMLAnchorElement).href = healthAddress();
  byId('camera-problem-link', HTMLAnchorElement).hidden = !asksUser || !may('manage');
  byId('camera-problem', HTMLElement).hidden = !text;
}
