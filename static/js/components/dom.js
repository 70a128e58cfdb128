// @ts-check
/** Small help for the elements: templates in, text out. Text of a device is only ever set as text. */

/**
 * A copy of the page's `<template data-template="name">`.
 *
 * @param {string} name
 * @returns {DocumentFragment}
 */
export function cloneTemplate(name) {
  const template = document.querySelector(`template[data-template="${name}"]`);
  if (!(template instanceof HTMLTemplateElement)) throw new Error(`The page has no template "${name}".`);
  // Imported, not only cloned: elements of our own inside it come to life before they are on the page.
  return document.importNode(template.content, true);
}

/**
 * The element that carries `data-part="name"` inside `root`.
 *
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} name
 * @param {new (...args: any[]) => T} kind
 * @returns {T}
 */
export function part(root, name, kind) {
  const found = root.querySelector(`[data-part="${name}"]`);
  if (!(found instanceof kind)) throw new Error(`No ${kind.name} is marked as part "${name}".`);
  return found;
}

/** Sets text only when it is different, so that a refresh moves nothing. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {Element} element @param {string} name @param {string|number|boolean|null|undefined} value null, false: taken off */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? '' : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** @param {string} name as in partials/_icons.html */
export function icon(name) {
  const namespace = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(namespace, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(namespace, 'use');
  use.setAttribute('href', `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** To the clipboard. @param {string} text @returns {Promise<boolean>} whether it is there */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without clipboard permission (plain HTTP to another machine): by way of a selection.
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'visually-hidden';
    (document.querySelector('dialog[open]') ?? document.body).append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

/**
 * Tells the outside: an event that bubbles.
 *
 * @param {Element} from
 * @param {string} type
 * @param {unknown} [detail]
 */
export function tell(from, type, detail) {
  from.dispatchEvent(new CustomEvent(type, { bubbles: true, detail }));
}
