// @ts-check

/**
 * One stop of the Tab key for a group of buttons: arrow keys move the focus inside it.
 *
 * @param {HTMLElement} group
 * @param {(from: HTMLElement, key: string) => HTMLElement|null|undefined} next returns the button that a key leads to;
 *   null if the key leads to none, undefined if it is no key of the group
 */
export function moveFocusByKeys(group, next) {
  group.addEventListener('keydown', (event) => {
    const from = event.target instanceof HTMLElement ? event.target.closest('button') : null;
    if (!from || event.ctrlKey || event.altKey || event.metaKey) return;
    const to = next(from, event.key);
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    to?.focus();
  });
  group.addEventListener('focusin', ({ target }) => target instanceof HTMLButtonElement && setStop(group, target));
}

/** Make a button the one that the Tab key reaches. @param {HTMLElement} group @param {HTMLElement|null} button */
export function setStop(group, button) {
  for (const other of group.querySelectorAll('button[tabindex="0"]')) {
    if (other !== button) /** @type {HTMLElement} */ (other).tabIndex = -1;
  }
  if (button && button.tabIndex !== 0) button.tabIndex = 0;
}
