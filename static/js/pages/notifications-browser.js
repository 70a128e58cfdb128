// @ts-check
/** Notifications in this browser, and the user's other browsers. */
import { cloneTemplate, part, setText } from '../components/dom.js';
import { ago, localStamp } from '../lib/format.js';
import { problemOf } from '../lib/http.js';
import { browserProblem } from '../lib/notification-text.js';
import { PushBrowser, PushRefused } from '../lib/push-browser.js';
import { byId, showToast } from './page.js';

/** @typedef {import('../lib/notifications-api.js').Subscription} Subscription @typedef {import('../lib/push-browser.js').PushState} PushState */

/** @type {Record<PushState, {title: string, text: string}>} */
const WORDS = {
  on: { title: 'Notifications are on', text: 'This browser shows them, also while no page of the app is open.' },
  off: { title: 'Notifications are off', text: 'This browser can show events of your rules, also while no page of the app is open.' },
  blocked: {
    title: 'The browser blocks notifications',
    text: 'Allow them in the browser’s settings for this page (the icon beside the address), then load the page again.',
  },
  insecure: {
    title: 'Notifications need HTTPS',
    text: 'This page came over plain HTTP. Browsers show notifications of pages with HTTPS, or of localhost, only. docs/DEPLOY.md tells how to serve the app with HTTPS.',
  },
  'home-screen': {
    title: 'First add the app to the home screen',
    text: 'Touch Share, then “Add to Home Screen”. Open the app from there, and switch notifications on here.',
  },
  unsupported: {
    title: 'This browser cannot show notifications',
    text: 'It has no service worker or no push messages, or this is a private window. Try another browser, or let a rule send e-mail.',
  },
};

export class ThisBrowser {
  #api;
  #confirm;
  #changed;
  #push;
  /** @type {Subscription|null} */
  #own = null;
  /** @type {Subscription[]} */
  #browsers = [];
  isLoaded = false;

  /**
   * @param {import('../lib/notifications-api.js').NotificationsApi} api
   * @param {import('../components/confirm-dialog.js').ConfirmDialog} confirm
   * @param {() => void} changed called when the number of browsers may be another one
   */
  constructor(api, confirm, changed) {
    this.#api = api;
    this.#confirm = confirm;
    this.#changed = changed;
    this.#push = new PushBrowser(api, abilities());
    byId('browser-on', HTMLElement).addEventListener('click', () => void this.#act('browser-on', () => this.#switchOn()));
    byId('browser-off', HTMLElement).addEventListener('click', () => void this.#act('browser-off', () => this.#switchOff()));
    byId('browser-test', HTMLElement).addEventListener('click', () => void this.#act('browser-test', () => this.#test(this.#own)));
    offerInstallation();
  }

  /** The number of browsers that get the user's notifications. */
  get count() {
    return this.#browsers.length;
  }

  /** Read the state again, from the server and from the browser. */
  async refresh() {
    this.#browsers = await this.#api.browsers();
    const { state, own } = await this.#push.look(this.#browsers);
    this.#own = own;
    this.isLoaded = true;
    this.#show(state);
    this.#changed();
  }

  /** @param {PushState} state */
  #show(state) {
    byId('browser', HTMLElement).dataset.state = state;
    setText(byId('browser-state', HTMLElement), WORDS[state].title);
    const problem = browserProblem(this.#own?.last_code ?? '');
    setText(byId('browser-text', HTMLElement), problem || WORDS[state].text);
    const focused = document.activeElement;
    byId('browser-on', HTMLElement).hidden = state !== 'off';
    byId('browser-off', HTMLElement).hidden = byId('browser-test', HTMLElement).hidden = state !== 'on';
    if (focused instanceof HTMLElement && focused.hidden) byId('browser-state', HTMLElement).focus();
    const others = this.#browsers.filter(({ id }) => id !== this.#own?.id);
    byId('others', HTMLElement).hidden = !others.length;
    byId('other-browsers', HTMLElement).replaceChildren(...others.map((item) => this.#row(item)));
  }

  /** @param {Subscription} item */
  #row(item) {
    const row = cloneTemplate('browser-row');
    const problem = browserProblem(item.last_code);
    const last = item.last_sent_at ? `last message ${ago(Date.parse(item.last_sent_at), Date.now())}` : 'no message yet';
    setText(part(row, 'name', HTMLElement), item.name);
    setText(part(row, 'facts', HTMLElement), `since ${localStamp(new Date(item.created_at))}, ${last}`);
    setText(part(row, 'problem', HTMLElement), problem);
    part(row, 'problem', HTMLElement).hidden = !problem;
    const test = part(row, 'test', HTMLButtonElement);
    test.setAttribute('aria-label', `Send a test to ${item.name}`);
    test.addEventListener('click', () => void this.#act(null, () => this.#test(item)));
    const remove = part(row, 'remove', HTMLButtonElement);
    remove.setAttribute('aria-label', `Remove ${item.name}`);
    remove.addEventListener('click', () => void this.#act(null, () => this.#remove(item)));
    return row;
  }

  async #switchOn() {
    await this.#push.switchOn();
    showToast('Notifications are on in this browser');
  }

  async #switchOff() {
    await this.#push.switchOff(this.#own);
    showToast('Notifications are off in this browser');
  }

  /** @param {Subscription|null} browser */
  async #test(browser) {
    if (!browser) return;
    await this.#api.testBrowser(browser.id);
    showToast('The push service has the test. The browser shows it within seconds.');
  }

  /** @param {Subscription} browser */
  async #remove(browser) {
    const sure = await this.#confirm.ask(`Remove ${browser.name}?`, 'This browser gets no notifications any longer.', 'Remove');
    if (sure) await this.#api.removeBrowser(browser.id);
  }

  /** @param {string|null} buttonId @param {() => Promise<void>} work */
  async #act(buttonId, work) {
    const button = buttonId ? byId(buttonId, HTMLButtonElement) : null;
    if (button?.disabled) return;
    if (button) button.disabled = true;
    button?.classList.add('busy');
    try {
      await work();
    } catch (error) {
      showToast(error instanceof PushRefused ? error.message : problemOf(error).detail, 'bad');
    }
    if (button) button.disabled = false;
    button?.classList.remove('busy');
    await this.refresh().catch((error) => showToast(problemOf(error).detail, 'bad'));
  }
}

/** @returns {import('../lib/push-browser.js').Abilities} */
function abilities() {
  return {
    isSecure: window.isSecureContext,
    container: 'serviceWorker' in navigator ? navigator.serviceWorker : null,
    hasPush: 'PushManager' in window,
    notification: 'Notification' in window ? Notification : null,
    isAppleMobile: /iPhone|iPad/.test(navigator.userAgent) || (navigator.platform === 'MacIntel' && navigator.maxTouchPoints > 1),
    sha256: async (text) => {
      const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
      return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    },
  };
}

/** Show a button that installs the app, in browsers that offer it to the page. */
function offerInstallation() {
  const button = byId('install', HTMLElement);
  /** @type {(Event & {prompt: () => Promise<unknown>})|null} */
  let offer = null;
  window.addEventListener('beforeinstallprompt', (event) => {
    event.preventDefault();
    offer = /** @type {Event & {prompt: () => Promise<unknown>}} */ (event);
    button.hidden = false;
  });
  window.addEventListener('appinstalled', () => (button.hidden = true));
  button.addEventListener('click', () => {
    button.hidden = true;
    void offer?.prompt();
  });
}
