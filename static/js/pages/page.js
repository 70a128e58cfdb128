// @ts-check
/** What every page needs. */
import '../components/log-out.js';
import '../components/theme-toggle.js';
import { Api } from '../lib/api.js';
import { ToastArea } from '../components/toast-area.js';

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
  const place = document.getElementById('page-data');
  return place && JSON.parse(place.textContent);
}

/**
 * A part of the page that is loaded when it is first needed. After an update of the app its file may be gone.
 *
 * @template T
 */
export class LaterPart {
  #load;
  /** @type {T|null} */
  loaded = null;

  /** @param {() => Promise<T>} load */
  constructor(load) {
    this.#load = load;
  }

  /** The part, or null if it cannot be loaded; the user is told then. */
  async get() {
    try {
      this.loaded ??= await this.#load();
    } catch {
      say('This part of the page cannot be loaded. Load the page again.', 'bad');
    }
    return this.loaded;
  }
}

export function pageApi() {
  const { cameras = '', discovery = '', streams = '', playback = '' } = document.body.dataset;
  return new Api({ cameras, discovery, streams, playback }, httpParts());
}

/** How this page talks to the server. @returns {import('../lib/http.js').HttpParts} */
export function httpParts() {
  return { csrf: document.body.dataset.csrf ?? '', onLoginNeeded: toLogin };
}

/** The login has ended: to the login page, and back here afterwards. */
export function toLogin() {
  if (document.body.dataset.leaving) return; // told twice, by another tab and by the server: one way is enough
  document.body.dataset.leaving = 'true';
  const here = window.location.pathname + window.location.search;
  window.location.assign(`${document.body.dataset.login}?next=${encodeURIComponent(here)}`);
}

// A stream says so first; another tab that logs out, too.
document.addEventListener('login-needed', toLogin);
new BroadcastChannel('access').addEventListener('message', ({ data }) => data === 'logged-out' && toLogin());

/** Whether who is logged in may do this. @param {'live'|'recordings'|'operate'|'manage'} permission */
export function may(permission) {
  return (document.body.dataset.may ?? '').split(' ').includes(permission);
}

/** @param {string} text @param {'good'|'bad'} [tone] */
export function say(text, tone = 'good') {
  const area = document.querySelector('toast-area');
  if (area instanceof ToastArea) area.say(text, { tone });
}

/** Where the page's socket leads to. */
export function liveUrl() {
  const url = new URL(document.body.dataset.live ?? '/live', window.location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

/** Hands a file to the browser's downloads, and says so. @param {Blob} blob @param {string} name */
export function saveFile(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 30_000);
  say(`Saved ${name}`);
}

/** What was remembered on this machine; null where storage is forbidden. @param {string} key */
export function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** @param {string} key @param {string} value */
export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Then it is not remembered.
  }
}
