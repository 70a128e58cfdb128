// @ts-check
/** Helpers for custom elements. Text from a device is only set as text, never as markup. */

/**
 * Return a copy of the page's `<template data-template="name">`.
 *
 * @param {string} name
 * @returns {DocumentFragment}
 */
export function cloneTemplate(name) {
  const template = document.querySelector(`template[data-template="${name}"]`);
  if (!(template instanceof HTMLTemplateElement)) throw new Error(`The page has no template "${name}".`);
  // importNode() upgrades the custom elements inside, cloneNode() does not do so before they are on the page.
  return document.importNode(template.content, true);
}

/**
 * Return the element with `data-part="name"` inside `root`. Throws if there is none of this kind.
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

/** Set a text if it is different: an equal text causes no mutation. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Set an attribute if it is different.
 *
 * @param {Element} element
 * @param {string} name
 * @param {string|number|boolean|null|undefined} value null, undefined and false remove it
 */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? '' : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** @param {string} name of an icon in partials/_icons.html */
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

/** Copy a text to the clipboard; false if that failed. @param {string} text @returns {Promise<boolean>} */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // The clipboard needs HTTPS or localhost. Otherwise copy a selection.
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
 * Emit a custom event that bubbles.
 *
 * @param {Element} from
 * @param {string} type
 * @param {unknown} [detail]
 */
export function emit(from, type, detail) {
  from.dispatchEvent(new CustomEvent(type, { bubbles: true, detail }));
}
