// @ts-check
import { JsonHttp } from '../lib/http.js';

/** A button that logs out, in every tab of this browser. */
export class LogOut extends HTMLElement {
  connectedCallback() {
    this.addEventListener('click', this);
  }

  disconnectedCallback() {
    this.removeEventListener('click', this);
  }

  handleEvent() {
    void this.#logOut();
  }

  async #logOut() {
    const { csrf = '', session = '', login = '' } = document.body.dataset;
    document.body.dataset.leaving = 'true';
    try {
      await new JsonHttp({ csrf }).json('DELETE', session);
    } catch {
      // The login has ended already, or the server is away: the login page shows which.
    }
    new BroadcastChannel('access').postMessage('logged-out');
    window.location.assign(login);
  }
}

customElements.define('log-out', LogOut);
