// @ts-check
/** The first visit: create an account, or use the app only on this machine for now. */
import { wireReveal } from '../components/app-dialog.js';
import { onSubmit, textOf } from '../components/field-errors.js';
import { part } from '../components/dom.js';
import { AccountsApi } from '../lib/accounts-api.js';
import { problemOf } from '../lib/http.js';
import { byId, showToast } from './page.js';

const form = byId('first-account', HTMLFormElement);
const api = new AccountsApi();

wireReveal(part(form, 'reveal', HTMLElement), byId('first-password', HTMLInputElement), new AbortController().signal);
onSubmit(form, async () => {
  await api.createFirst(textOf(form, 'name'), textOf(form, 'password'));
  window.location.assign('/cameras');
});

document.getElementById('postpone')?.addEventListener('click', () => {
  api.postpone().then(
    () => window.location.assign('/cameras'),
    (error) => showToast(problemOf(error).detail, 'bad'),
  );
});
