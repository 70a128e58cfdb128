// @ts-check
/** Log in with name and password, then go to the requested page, and to the place in it that its address names. */
import { wireReveal } from '../components/app-dialog.js';
import { onSubmit, textOf } from '../components/field-errors.js';
import { part } from '../components/dom.js';
import { AccountsApi } from '../lib/accounts-api.js';
import { byId } from './page.js';

const form = byId('login', HTMLFormElement);
const api = new AccountsApi();

wireReveal(part(form, 'reveal', HTMLElement), byId('login-password', HTMLInputElement), new AbortController().signal);
onSubmit(form, async () => {
  try {
    await api.logIn(textOf(form, 'name'), textOf(form, 'password'));
  } catch (error) {
    byId('login-password', HTMLInputElement).select();
    throw error;
  }
  const next = document.body.dataset.next || '/';
  // Browsers keep the fragment of an address over the redirect to this page.
  window.location.assign(next.includes('#') ? next : next + window.location.hash);
});
