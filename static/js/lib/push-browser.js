// @ts-check
/** Notifications in this browser: what prevents them, and switching them on and off. Without any DOM. */

/**
 * @typedef {'insecure'|'home-screen'|'unsupported'|'blocked'|'off'|'on'} PushState
 * @typedef {{isSecure: boolean, container: ServiceWorkerContainer|null, hasPush: boolean, notification: NotificationSource|null,
 *   isAppleMobile: boolean, sha256: (text: string) => Promise<string>}} Abilities of the browser
 * @typedef {{permission: NotificationPermission, requestPermission: () => Promise<NotificationPermission>}} NotificationSource
 * @typedef {Pick<import('./notifications-api.js').NotificationsApi, 'pushKey'|'browsers'|'addBrowser'|'removeBrowser'>} PushApi
 * @typedef {import('./notification-types.js').Subscription} Subscription
 */

const WORKER = '/service-worker.js';

/** The browser did not switch notifications on; `message` is for users. */
export class PushRefused extends Error {}

export class PushBrowser {
  #api;
  #with;

  /** @param {PushApi} api @param {Abilities} abilities */
  constructor(api, abilities) {
    this.#api = api;
    this.#with = abilities;
  }

  /**
   * Return the state of this browser, and its own entry among the user's browsers.
   *
   * @param {Subscription[]} browsers as the server lists them
   * @returns {Promise<{state: PushState, own: Subscription|null}>}
   */
  async look(browsers) {
    const obstacle = this.#obstacle();
    if (obstacle) return { state: obstacle, own: null };
    const registration = await this.#with.container?.getRegistration('/');
    const subscription = (await registration?.pushManager?.getSubscription()) ?? null;
    if (!subscription) return { state: 'off', own: null };
    const hash = await this.#with.sha256(subscription.endpoint);
    const own = browsers.find(({ endpoint_sha256: of }) => of === hash) ?? null;
    return { state: own ? 'on' : 'off', own };
  }

  /**
   * Ask the user for permission, subscribe, and tell the server. Call it from a click.
   *
   * @returns {Promise<Subscription>}
   */
  async switchOn() {
    const { container, notification } = this.#with;
    if (this.#obstacle() || !container || !notification) throw new PushRefused('This browser shows no notifications here.');
    const permission = await notification.requestPermission();
    if (permission !== 'granted') {
      throw new PushRefused(permission === 'denied' ? 'The browser blocks notifications of this app.' : 'Notifications were not allowed.');
    }
    await container.register(WORKER, { scope: '/' });
    const { pushManager } = await container.ready;
    const key = await this.#api.pushKey();
    const before = await pushManager.getSubscription();
    if (before && textOfKey(before.options.applicationServerKey) !== key) await before.unsubscribe();
    const subscription = await subscribe(pushManager, key);
    try {
      return await this.#api.addBrowser(subscription.toJSON());
    } catch (error) {
      await subscription.unsubscribe();
      throw error;
    }
  }

  /** Tell the server, give the subscription back, and remove the service worker. @param {Subscription|null} own */
  async switchOff(own) {
    if (own) await this.#api.removeBrowser(own.id);
    const registration = await this.#with.container?.getRegistration('/');
    await (await registration?.pushManager.getSubscription())?.unsubscribe();
    await registration?.unregister();
  }

  /** @returns {PushState|null} */
  #obstacle() {
    const { isSecure, container, hasPush, notification, isAppleMobile } = this.#with;
    if (!isSecure) return 'insecure';
    if (!container || !hasPush || !notification) return isAppleMobile ? 'home-screen' : 'unsupported';
    return notification.permission === 'denied' ? 'blocked' : null;
  }
}

/** @param {PushManager} manager @param {string} key */
async function subscribe(manager, key) {
  try {
    return await manager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  } catch (error) {
    const name = error instanceof Error ? error.name : '';
    if (name === 'NotAllowedError') throw new PushRefused('The browser blocks notifications of this app.');
    throw new PushRefused('The browser cannot reach the push service of its maker. It may be switched off in the browser’s settings.');
  }
}

/** Return a key as base64url, '' for none. @param {ArrayBuffer|null} key */
export function textOfKey(key) {
  if (!key) return '';
  const letters = String.fromCharCode(...new Uint8Array(key));
  return btoa(letters).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
