// @ts-check
/** Functions that every page needs. */
import '../components/log-out.js';
import '../components/theme-toggle.js';
import { Api } from '../lib/api.js';
import { savesData } from '../lib/quality-ladder.js';
import { qualityChoice } from '../lib/viewer-state.js';
import { LazyModule } from '../lib/lazy-module.js';
import { ToastArea } from '../components/toast-area.js';

const IDLE_WITHIN_MS = 5000;
const IDLE_WAIT_MS = 500;

/**
 * @template {Element} T
 * @param {string} id
 * @param {new (...args: any[]) => T} kind
 * @returns {T}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`The page has no ${kind.name} with the id "${id}".`);
  return found;
}

/** Data that the server put into the page as JSON, in the shapes of the API; null if there are none. @returns {any} */
export function pageData() {
  const element = document.getElementById('page-data');
  return element && JSON.parse(element.textContent);
}

/**
 * Return a module that the page imports later, with a message to the user if that fails.
 *
 * @template T
 * @param {() => Promise<T>} load
 */
export function lazyModule(load) {
  return new LazyModule(load, () => showToast('This part of the page cannot be loaded. Load the page again.', 'bad'));
}

/** Load a style sheet that is no part of the page's own. @param {string} address @returns {Promise<void>} */
export function loadStyle(address) {
  return new Promise((resolve, reject) => {
    const link = document.createElement('link');
    link.rel = 'stylesheet';
    link.href = address;
    link.addEventListener('load', () => resolve());
    link.addEventListener('error', () => {
      link.remove();
      reject(new Error('The style sheet cannot be loaded.'));
    });
    document.head.append(link);
  });
}

/** Do some work once the browser is idle. Safari cannot tell: there it waits a moment. @param {() => void} work */
export function whenIdle(work) {
  if ('requestIdleCallback' in window) window.requestIdleCallback(work, { timeout: IDLE_WITHIN_MS });
  else setTimeout(work, IDLE_WAIT_MS);
}

export function pageApi() {
  const { cameras = '', discovery = '', streams = '', playback = '' } = document.body.dataset;
  return new Api({ cameras, discovery, streams, playback }, httpOptions());
}

/** Return the CSRF token and the login handler for requests. @returns {import('../lib/http.js').HttpOptions} */
export function httpOptions() {
  return { csrf: document.body.dataset.csrf ?? '', onLoginNeeded: toLogin };
}

/** Go to the login page, which leads back here. */
export function toLogin() {
  if (document.body.dataset.leaving) return; // called twice: for another tab's message and for the server's refusal
  document.body.dataset.leaving = 'true';
  const here = window.location.pathname + window.location.search + window.location.hash;
  window.location.assign(`${document.body.dataset.login}?next=${encodeURIComponent(here)}`);
}

// The first sign of an ended login may be a stream's 401, or a message from another tab.
document.addEventListener('login-needed', toLogin);
new BroadcastChannel('access').addEventListener('message', ({ data }) => data === 'logged-out' && toLogin());

/** @typedef {'live'|'recordings'|'export'|'operate'|'ptz'|'recording_pause'|'manage'} Permission */

/** True if the current user has a permission. @param {Permission} permission */
export function may(permission) {
  return (document.body.dataset.may ?? '').split(' ').includes(permission);
}

/** @param {string} text @param {'good'|'bad'} [tone] */
export function showToast(text, tone = 'good') {
  const area = document.querySelector('toast-area');
  if (area instanceof ToastArea) area.show(text, { tone });
}

/**
 * Return the socket that boot.js has opened; null if there is none, or for a second call.
 *
 * @returns {import('../lib/live-socket.js').OpenedSocket|null}
 */
export function openedSocket() {
  const scope = /** @type {{openedSocket?: import('../lib/live-socket.js').OpenedSocket}} */ (window);
  const socket = scope.openedSocket ?? null;
  delete scope.openedSocket;
  return socket;
}

/** Return the address of the page's socket. */
export function liveUrl() {
  const url = new URL(document.body.dataset.live ?? '/live', window.location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

/** Save a file with the browser's downloads, and show a note. @param {Blob} blob @param {string} name */
export function saveFile(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 30_000);
  showToast(`Saved ${name}`);
}

/** Return a value from this browser's storage; null if there is none or storage is forbidden. @param {string} key */
export function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Store a value in this browser. @param {string} key @param {string} value */
export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Storage may be forbidden: then the value is lost with the page.
  }
}

/** Older versions kept one of two streams as 'quality', which was no choice against Auto. */
const QUALITY_KEY = 'quality-choice';

/** The quality that the user has chosen in this browser, for the viewer page and the wall. */
export function rememberedQuality() {
  return qualityChoice(remembered(QUALITY_KEY)) ?? 'auto';
}

/** @param {import('../lib/viewer-state.js').QualityChoice} quality */
export function rememberQuality(quality) {
  remember(QUALITY_KEY, quality);
}

/** True if the user saves data, or pays for it by the network in use. */
export function userSavesData() {
  return savesData(/** @type {{connection?: {saveData?: boolean, type?: string}}} */ (navigator).connection);
}

/** Call `work` whenever the network changes, for example from Wi-Fi to mobile data. @param {(saves: boolean) => void} work */
export function onSavesData(work) {
  const { connection } = /** @type {{connection?: EventTarget}} */ (navigator);
  connection?.addEventListener?.('change', () => work(userSavesData()));
}

/** The decoder of live pictures that the user has chosen in this browser. @returns {'webcodecs'|'mse'} */
export function chosenDecoder() {
  return remembered('decoder') === 'mse' ? 'mse' : 'webcodecs';
}
