// @ts-check
import { counted } from '../lib/format.js';
import { cloneTemplate, emit, part, setText } from './dom.js';

/** @typedef {import('../lib/walls-api.js').Wall} Wall */

/**
 * The saved walls. Emits 'wall-open' and 'wall-delete' with the wall, 'wall-rename' with `{wall, name}`.
 */
export class WallList extends HTMLElement {
  /** @param {{walls: readonly Wall[], currentId: number|null}} what */
  show({ walls, currentId }) {
    part(this, 'list', HTMLElement).replaceChildren(...walls.map((wall) => this.#row(wall, wall.id === currentId)));
    part(this, 'none', HTMLElement).hidden = walls.length > 0;
  }

  /** @param {Wall} wall @param {boolean} isCurrent */
  #row(wall, isCurrent) {
    const fragment = cloneTemplate('wall-row');
    const row = part(fragment, 'row', HTMLElement);
    const open = part(row, 'open', HTMLButtonElement);
    const form = part(row, 'form', HTMLFormElement);
    const input = part(row, 'input', HTMLInputElement);
    setText(part(row, 'name', HTMLElement), wall.name);
    const filled = wall.tiles.filter((tile) => tile !== null).length;
    const whose = wall.everybodys ? ', everybody’s' : '';
    setText(part(row, 'about', HTMLElement), `${counted(filled, 'channel')} in ${wall.layout}${whose}`);
    if (isCurrent) open.setAttribute('aria-current', 'true');
    part(row, 'change', HTMLElement).hidden = !wall.mayChange;
    for (const [name, verb] of [
      ['rename', 'Rename'],
      ['delete', 'Delete'],
    ]) {
      part(row, name ?? '', HTMLElement).setAttribute('aria-label', `${verb} ${wall.name}`);
    }
    /** @param {boolean} isRenaming */
    const rename = (isRenaming) => {
      form.hidden = !isRenaming;
      open.hidden = isRenaming;
      part(row, 'change', HTMLElement).hidden = isRenaming;
      if (isRenaming) {
        input.value = wall.name;
        input.select();
      } else part(row, 'rename', HTMLElement).focus();
    };
    open.addEventListener('click', () => emit(this, 'wall-open', wall));
    part(row, 'rename', HTMLElement).addEventListener('click', () => rename(true));
    part(row, 'delete', HTMLElement).addEventListener('click', () => emit(this, 'wall-delete', wall));
    form.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      event.stopPropagation();
      rename(false);
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const name = input.value.trim();
      if (name && name !== wall.name) emit(this, 'wall-rename', { wall, name });
      else rename(false);
    });
    return fragment;
  }
}

customElements.define('wall-list', WallList);
