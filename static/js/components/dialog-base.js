// @ts-check
import { emit, part } from './dom.js';

/**
 * Base of all modal dialogs, around its `<dialog data-part="dialog">`. The attribute `open` shows it. Esc, a press
 * outside of it and elements with `data-close` close it; it restores the focus and emits 'dialog-closed'.
 */
export class AppDialog extends HTMLElement {
  static observedAttributes = ['open'];

  /** @type {AbortController|null} */
  #wires = null;
  #pressedBeside = false;

  get dialog() {
    return part(this, 'dialog', HTMLDialogElement);
  }

  connectedCallback() {
    this.#wires = new AbortController();
    const { signal } = this.#wires;
    const dialog = this.dialog;
    this.addEventListener(
      'click',
      (event) => {
        if (event.target instanceof Element && event.target.closest('[data-close]')) this.close();
      },
      { signal },
    );
    // Only a press that starts outside closes the dialog, because a selection of text may end there.
    dialog.addEventListener('pointerdown', (event) => (this.#pressedBeside = event.target === dialog), { signal });
    dialog.addEventListener(
      'click',
      (event) => {
        if (event.target === dialog && this.#pressedBeside) this.close();
      },
      { signal },
    );
    dialog.addEventListener(
      'close',
      () => {
        this.removeAttribute('open');
        // Delete a typed password, so that the next user of the page cannot read it.
        for (const input of this.querySelectorAll('input[autocomplete$="password"]')) {
          if (input instanceof HTMLInputElement) input.value = '';
        }
        emit(this, 'dialog-closed');
      },
      { signal },
    );
    this.wire(signal);
    if (this.hasAttribute('open')) this.#sync();
  }

  disconnectedCallback() {
    this.#wires?.abort();
    this.#wires = null;
    if (this.dialog.open) this.dialog.close();
  }

  attributeChangedCallback() {
    if (this.isConnected && this.#wires) this.#sync();
  }

  /** Add listeners that end with `signal`; subclasses override this. @param {AbortSignal} _signal */
  wire(_signal) {}

  show() {
    this.setAttribute('open', '');
  }

  close() {
    this.removeAttribute('open');
  }

  #sync() {
    const dialog = this.dialog;
    if (this.hasAttribute('open') && !dialog.open) dialog.showModal();
    else if (!this.hasAttribute('open') && dialog.open) dialog.close();
  }
}

/**
 * Let a button show and hide the password of an input.
 *
 * @param {HTMLElement} button
 * @param {HTMLInputElement} input
 * @param {AbortSignal} signal
 */
export function wireReveal(button, input, signal) {
  button.addEventListener(
    'click',
    () => {
      const shown = input.type === 'password';
      input.type = shown ? 'text' : 'password';
      button.setAttribute('aria-pressed', String(shown));
      button.setAttribute('aria-label', shown ? 'Hide the password' : 'Show the password');
    },
    { signal },
  );
}
