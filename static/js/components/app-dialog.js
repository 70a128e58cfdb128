// @ts-check
import { AppDialog, wireReveal } from './dialog-base.js';

customElements.define('app-dialog', AppDialog);

export { AppDialog, wireReveal };
