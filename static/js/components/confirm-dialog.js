// @ts-check
import { AppDialog } from './app-dialog.js';
import { part, setText } from './dom.js';

/** Asks before data is lost. `ask()` resolves to true if the user agrees. */
export class ConfirmDialog extends AppDialog {
  #yes = false;

  /** @override @param {AbortSignal} signal */
  wire(signal) {
    part(this, 'yes', HTMLButtonElement).addEventListener(
      'click',
      () => {
        this.#yes = true;
        this.close();
      },
      { signal },
    );
  }

  /** @param {string} title @param {string} text @param {string} [yes] @param {string} [no] words of the buttons @returns {Promise<boolean>} */
  ask(title, text, yes = 'Delete', no = 'Cancel') {
    this.#yes = false;
    setText(part(this, 'no', HTMLElement), no);
    setText(part(this, 'yes', HTMLElement), yes);
    setText(part(this, 'title', HTMLElement), title);
    setText(part(this, 'text', HTMLElement), text);
    this.show();
    return new Promise((resolve) => {
      this.addEventListener('dialog-closed', () => resolve(this.#yes), { once: true });
    });
  }
}

customElements.define('confirm-dialog', ConfirmDialog);
