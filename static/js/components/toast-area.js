// @ts-check

/**
 * Short notes at the edge of the page, which screen readers read out. They disappear by themselves.
 *
 * In full screen the area moves into the full-screen element: other elements are not visible, and are inert for screen
 * readers.
 */
export class ToastArea extends HTMLElement {
  /** @type {Set<ReturnType<typeof setTimeout>>} */
  #timers = new Set();

  connectedCallback() {
    document.addEventListener('fullscreenchange', this.#moveIntoSight);
  }

  disconnectedCallback() {
    if (this.isConnected) return; // #moveIntoSight() has moved the element
    document.removeEventListener('fullscreenchange', this.#moveIntoSight);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  /** Show a note; the same note twice is shown once. @param {string} text @param {{tone?: 'good'|'bad', forMs?: number}} [how] */
  show(text, { tone = 'good', forMs = tone === 'bad' ? 8000 : 4000 } = {}) {
    const toast = document.createElement('p');
    toast.className = `toast ${tone}`;
    toast.textContent = text;
    for (const other of this.children) if (other.textContent === text) other.remove();
    this.append(toast);
    while (this.children.length > 3) this.firstElementChild?.remove();
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      toast.remove();
    }, forMs);
    this.#timers.add(timer);
  }

  #moveIntoSight = () => (document.fullscreenElement ?? document.body).append(this);
}

customElements.define('toast-area', ToastArea);
