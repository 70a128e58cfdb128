// @ts-check
/** The page for admins: users, logins and API tokens. */
import { AppDialog } from '../components/app-dialog.js';
import { CameraLimits } from '../components/camera-limits.js';
import { ConfirmDialog } from '../components/confirm-dialog.js';
import { cloneTemplate, part, setText } from '../components/dom.js';
import { clearErrors, onSubmit, textOf } from '../components/field-errors.js';
import { AccountsApi } from '../lib/accounts-api.js';
import { formatChannelNumbers } from '../lib/channel-numbers.js';
import { ago, localStamp } from '../lib/format.js';
import { problemOf } from '../lib/http.js';
import { byId, httpOptions, pageApi, showToast } from './page.js';
import { watchAlerts } from './server-recording.js';

/**
 * @typedef {import('../lib/accounts-api.js').User} User
 * @typedef {import('../lib/accounts-api.js').CameraLimit} CameraLimit
 */

const REFRESH_MS = 15_000;
const ROLES = { viewer: 'Viewer', reviewer: 'Reviewer', operator: 'Operator', admin: 'Admin' };

const api = new AccountsApi(httpOptions());
const userDialog = byId('user-dialog', AppDialog);
const userForm = byId('user-form', HTMLFormElement);
const userLimits = byId('user-limits', CameraLimits);
const tokenDialog = byId('token-dialog', AppDialog);
const tokenForm = byId('token-form', HTMLFormElement);
const tokenLimits = byId('token-limits', CameraLimits);
const madeDialog = byId('made-dialog', AppDialog);
const confirmDialog = byId('confirm', ConfirmDialog);

/** @type {{id: number, name: string, channels: number}[]} */
let cameras = [];
/** The user in the dialog; null: a new user. @type {User|null} */
let editing = null;

async function refresh() {
  const [known, users, sessions, tokens] = await Promise.all([pageApi().listCameras(), api.users(), api.sessions(), api.tokens()]);
  cameras = known.map(({ id, name, host, channels }) => ({ id, name: name || host, channels }));
  fill('users', users.map(userRow));
  fill('sessions', sessions.map(sessionRow));
  fill('tokens', tokens.map(tokenRow));
  byId('no-tokens', HTMLElement).hidden = tokens.length > 0;
  // These dialogs list the cameras, so they open only now.
  for (const id of ['add-user', 'add-token']) byId(id, HTMLButtonElement).disabled = false;
}

/** @param {string} id @param {DocumentFragment[]} rows */
function fill(id, rows) {
  const list = byId(id, HTMLElement);
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.key : undefined;
  list.replaceChildren(...rows);
  if (focused) list.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.dispatchEvent(new Event('refocus'));
}

/** @param {User} user */
function userRow(user) {
  const row = cloneTemplate('user-row');
  setText(part(row, 'name', HTMLElement), user.name);
  setText(part(row, 'role', HTMLElement), ROLES[user.role]);
  setText(part(row, 'cameras', HTMLElement), limitText(user.cameras));
  part(row, 'disabled', HTMLElement).hidden = !user.disabled;
  wire(row, 'edit', `Edit ${user.name}`, () => openUser(user));
  wire(row, 'toggle', `${user.disabled ? 'Enable' : 'Disable'} ${user.name}`, () =>
    act(() => api.changeUser(user.id, { disabled: !user.disabled }), `${user.name} is ${user.disabled ? 'enabled' : 'disabled'}`),
  );
  setText(part(row, 'toggle', HTMLElement), user.disabled ? 'Enable' : 'Disable');
  wire(row, 'remove', `Remove ${user.name}`, async () => {
    const sure = await confirmDialog.ask(
      `Remove ${user.name}?`,
      'The account, its logins and its tokens are removed. Its streams end.',
      'Remove',
    );
    if (sure) await act(() => api.removeUser(user.id), `${user.name} is removed`);
  });
  return row;
}

/** @param {import('../lib/accounts-api.js').LoginSession} session */
function sessionRow(session) {
  const row = cloneTemplate('session-row');
  setText(part(row, 'name', HTMLElement), session.user);
  part(row, 'this', HTMLElement).hidden = !session.is_this;
  setText(part(row, 'from', HTMLElement), session.address);
  setText(part(row, 'agent', HTMLElement), session.agent || 'unknown program');
  setText(part(row, 'since', HTMLElement), `since ${localStamp(new Date(session.created_at))}`);
  setText(part(row, 'seen', HTMLElement), `seen ${ago(Date.parse(session.last_seen_at), Date.now())}`);
  wire(row, 'end', `Log ${session.user} out`, () => act(() => api.endSession(session.id), `${session.user} is logged out`));
  return row;
}

/** @param {import('../lib/accounts-api.js').Token} token */
function tokenRow(token) {
  const row = cloneTemplate('token-row');
  setText(part(row, 'name', HTMLElement), token.name);
  setText(part(row, 'role', HTMLElement), ROLES[token.role]);
  setText(part(row, 'cameras', HTMLElement), limitText(token.cameras));
  setText(part(row, 'owner', HTMLElement), `of ${token.user}`);
  const isOver = token.expires_at !== null && Date.parse(token.expires_at) < Date.now();
  const until = token.expires_at ? `until ${localStamp(new Date(token.expires_at))}` : 'without an expiry date';
  setText(part(row, 'until', HTMLElement), isOver ? 'expired' : until);
  setText(part(row, 'used', HTMLElement), token.last_used_at ? `used ${ago(Date.parse(token.last_used_at), Date.now())}` : 'never used');
  wire(row, 'remove', `Remove the token ${token.name}`, async () => {
    const sure = await confirmDialog.ask(`Remove the token ${token.name}?`, 'Scripts that use it are refused from now on.', 'Remove');
    if (sure) await act(() => api.removeToken(token.id), `The token ${token.name} is removed`);
  });
  return row;
}

/** @param {CameraLimit[]|null} limits */
function limitText(limits) {
  if (limits === null) return 'All cameras';
  if (!limits.length) return 'No camera';
  return limits
    .map(({ camera_id: id, channels }) => {
      const name = cameras.find((camera) => camera.id === id)?.name ?? `camera ${id} (deleted)`;
      return channels === null ? name : `${name}: ${formatChannelNumbers(channels)}`;
    })
    .join('; ');
}

/** @param {ParentNode} row @param {string} name @param {string} label @param {() => unknown} work */
function wire(row, name, label, work) {
  const button = part(row, name, HTMLButtonElement);
  button.setAttribute('aria-label', label);
  button.dataset.key = label;
  button.addEventListener('click', () => void work());
  button.addEventListener('refocus', () => button.focus());
}

/** @param {() => Promise<unknown>} work @param {string} done */
async function act(work, done) {
  try {
    await work();
    showToast(done);
  } catch (error) {
    showToast(problemOf(error).detail, 'bad');
  }
  await refresh().catch((error) => showToast(problemOf(error).detail, 'bad'));
}

/** @param {User|null} user */
function openUser(user) {
  editing = user;
  userForm.reset();
  clearErrors(userForm);
  setText(byId('user-title', HTMLElement), user ? `Edit ${user.name}` : 'Add a user');
  setText(part(userForm, 'submit', HTMLElement), user ? 'Save' : 'Add');
  byId('user-name', HTMLInputElement).value = user?.name ?? '';
  byId('user-password', HTMLInputElement).placeholder = user ? 'Unchanged' : '';
  byId('user-role', HTMLSelectElement).value = user?.role ?? 'viewer';
  userLimits.show(cameras, user?.cameras ?? null);
  userLimits.possible = byId('user-role', HTMLSelectElement).value !== 'admin';
  userDialog.show();
  byId('user-name', HTMLInputElement).focus();
}

byId('user-role', HTMLSelectElement).addEventListener('change', () => {
  userLimits.possible = byId('user-role', HTMLSelectElement).value !== 'admin';
});

onSubmit(userForm, async (form) => {
  const limits = userLimits.value;
  if (limits === undefined) return;
  const password = textOf(form, 'password');
  /** @type {Record<string, unknown>} */
  const draft = { name: textOf(form, 'name'), role: textOf(form, 'role') };
  if (password || !editing) draft.password = password;
  if (limits !== null) draft.cameras = limits;
  else if (editing) draft.all_cameras = true;
  if (editing) await api.changeUser(editing.id, draft);
  else await api.addUser(draft);
  userDialog.close();
  showToast(`${draft.name} is ${editing ? 'saved' : 'added'}`);
  await refresh();
});

byId('add-user', HTMLElement).addEventListener('click', () => openUser(null));
byId('add-token', HTMLElement).addEventListener('click', () => {
  tokenForm.reset();
  clearErrors(tokenForm);
  tokenLimits.show(cameras, null);
  tokenLimits.possible = byId('token-role', HTMLSelectElement).value !== 'admin';
  tokenDialog.show();
  byId('token-name', HTMLInputElement).focus();
});

byId('token-role', HTMLSelectElement).addEventListener('change', () => {
  tokenLimits.possible = byId('token-role', HTMLSelectElement).value !== 'admin';
});

onSubmit(tokenForm, async (form) => {
  const limits = tokenLimits.value;
  if (limits === undefined) return;
  const days = Number(textOf(form, 'days'));
  const made = await api.addToken({
    name: textOf(form, 'name'),
    role: textOf(form, 'role'),
    cameras: limits,
    expires_at: days ? new Date(Date.now() + days * 86_400_000).toISOString() : null,
  });
  tokenDialog.close();
  byId('made-token', HTMLInputElement).value = made.token;
  setText(byId('made-example', HTMLElement), `curl -H "Authorization: Bearer ${made.token}" ${window.location.origin}/api/streams/all`);
  madeDialog.show();
  byId('made-token', HTMLInputElement).select();
  await refresh();
});

byId('made-copy', HTMLElement).addEventListener('click', () => {
  const token = byId('made-token', HTMLInputElement);
  token.select();
  const copied = navigator.clipboard ? navigator.clipboard.writeText(token.value) : Promise.reject(new Error('no clipboard'));
  copied.then(
    () => showToast('Copied'),
    () => showToast('The browser does not allow copying. Copy the token by hand.', 'bad'),
  );
});
madeDialog.addEventListener('dialog-closed', () => {
  byId('made-token', HTMLInputElement).value = '';
  setText(byId('made-example', HTMLElement), '');
});

const keepFresh = () => {
  if (!document.hidden && !document.querySelector('dialog[open]')) refresh().catch(() => {});
};
setInterval(keepFresh, REFRESH_MS);
refresh().catch((error) => showToast(problemOf(error).detail, 'bad'));
watchAlerts();
