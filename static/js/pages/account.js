// @ts-check
/** The current user's password. */
import { onSubmit, textOf } from '../components/field-errors.js';
import { AccountsApi } from '../lib/accounts-api.js';
import { byId, httpOptions, showToast } from './page.js';
import { watchAlerts } from './server-recording.js';

const form = byId('own-password', HTMLFormElement);

onSubmit(form, async () => {
  const api = new AccountsApi(httpOptions());
  const { csrf_token: csrf } = await api.changeOwnPassword(textOf(form, 'current_password'), textOf(form, 'new_password'));
  document.body.dataset.csrf = csrf ?? '';
  form.reset();
  showToast('Password changed. Your other logins have ended.');
});
watchAlerts();
