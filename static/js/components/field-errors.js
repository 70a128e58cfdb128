// @ts-check
/** Shows the server's error messages next to the fields of a form. */
import { ApiError } from '../lib/http.js';
import { part, setText } from './dom.js';

/**
 * Show each message next to its field (`data-error`). If no message has a field, show the error in the part "error".
 *
 * @param {HTMLFormElement} form
 * @param {unknown} error
 */
export function showErrors(form, error) {
  clearErrors(form);
  const named = error instanceof ApiError ? error.errors : [];
  let isPlaced = false;
  for (const { field, message } of named) {
    const place = placeOf(form, field);
    if (!place) continue;
    setText(place.element, sentence(message));
    place.element.hidden = false;
    for (const input of inputsOf(form, place.name)) input.setAttribute('aria-invalid', 'true');
    isPlaced = true;
  }
  if (isPlaced) {
    const first = form.querySelector('[aria-invalid]'); // the server names the fields in another order
    if (first instanceof HTMLElement) first.focus();
    return;
  }
  const general = part(form, 'error', HTMLElement);
  setText(general, error instanceof ApiError ? error.message : 'Something went wrong. Please try again.');
  general.hidden = false;
}

/**
 * Return the place for the message about a field; for `email.recipients.0` it may be that of `email.recipients`.
 *
 * @param {HTMLFormElement} form
 * @param {string} field
 */
function placeOf(form, field) {
  const parts = field.split('.');
  for (let count = parts.length; count > 0; count -= 1) {
    const name = parts.slice(0, count).join('.');
    const element = form.querySelector(`[data-error="${CSS.escape(name)}"]`);
    if (element instanceof HTMLElement) return { name, element };
  }
  return null;
}

/** Return the inputs of a name; a choice of several check boxes has as many. @param {HTMLFormElement} form @param {string} name */
function inputsOf(form, name) {
  const found = form.elements.namedItem(name);
  const all = found instanceof RadioNodeList ? [...found] : [found];
  return all.filter((input) => input instanceof HTMLElement);
}

/** @param {HTMLFormElement} form */
export function clearErrors(form) {
  for (const element of form.querySelectorAll('[data-error], [data-part="error"]')) {
    if (element instanceof HTMLElement) element.hidden = true;
  }
  for (const input of form.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
}

/**
 * Send a form on submit, one request at a time, and show the errors.
 *
 * @param {HTMLFormElement} form
 * @param {(form: HTMLFormElement) => Promise<void>} send
 */
export function onSubmit(form, send) {
  const submit = part(form, 'submit', HTMLButtonElement);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    submit.disabled = true;
    submit.classList.add('busy');
    clearErrors(form);
    send(form)
      .catch((error) => showErrors(form, error))
      .finally(() => {
        submit.disabled = false;
        submit.classList.remove('busy');
      });
  });
}

/** @param {HTMLFormElement} form @param {string} name */
export function textOf(form, name) {
  const field = form.elements.namedItem(name);
  if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) return field.value;
  throw new Error(`The form has no field "${name}".`);
}

/** @param {string} message */
function sentence(message) {
  return message.charAt(0).toUpperCase() + message.slice(1);
}
