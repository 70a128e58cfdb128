// @ts-check
/** The page verify.html of an evidence package. It needs no network, and all texts of the package are set as text. */
import { PackageCheck } from './checker.js';
import { chosenFiles, droppedFiles } from './dropped-files.js';
import { FINGERPRINT_HINT, isWrongFingerprint } from './fingerprint.js';
import { utc, verdictOf } from './verdict.js';

/** @typedef {import('./types.js').Report} Report */
/** @typedef {import('./types.js').Manifest} Manifest */
/** @typedef {import('./types.js').Finding} Finding */

const OWN_KEY = /** @type {HTMLMetaElement} */ (document.querySelector('meta[name="fingerprint"]')).content;
const SHOWN_FINDINGS = 500;

/** @template {HTMLElement} T @param {string} id @returns {T} */
const byId = (id) => /** @type {T} */ (document.getElementById(id));

/** @type {HTMLInputElement} */
const folder = byId('folder');
/** @type {HTMLInputElement} */
const fingerprint = byId('fingerprint');
/** @type {HTMLProgressElement} */
const progress = byId('progress');
const target = byId('target');
let run = 0;
/** The last one; null while a check runs. @type {Report|null} */
let report = null;

/** @param {string} name @param {string} text */
function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

/** @param {() => Map<string, File>|Promise<Map<string, File>>} read */
async function check(read) {
  run += 1;
  const own = run;
  report = null;
  byId('result').hidden = true;
  progress.hidden = false;
  progress.removeAttribute('value');
  say('working', 'Checking…', 'All files are read. Nothing leaves this computer.');
  const onProgress = (/** @type {number} */ done, /** @type {number} */ total) => {
    if (own === run) progress.value = total ? done / total : 1;
  };
  try {
    const { subtle } = globalThis.crypto ?? {};
    const found = await new PackageCheck(await read(), { subtle, onProgress }).run();
    if (own === run) show(found);
  } catch (error) {
    if (own === run) say('changed', 'This folder cannot be checked', `A file cannot be read: ${error}`);
  } finally {
    if (own === run) progress.hidden = true;
  }
}

/** @param {'working'|'good'|'partly'|'changed'} state @param {string} heading @param {string} text */
function say(state, heading, text) {
  const verdict = byId('verdict');
  if (!verdict.hidden && verdict.textContent === heading + text) return; // a screen reader would read it again
  verdict.className = state;
  verdict.replaceChildren(element('h2', heading), element('p', text));
  verdict.hidden = false;
}

/** @param {Report} found */
function show(found) {
  report = found;
  const { state, heading, text, findings } = verdictOf(found, fingerprint.value, OWN_KEY);
  say(state, heading, text);
  showFindings(findings);
  const ignored = byId('ignored');
  ignored.hidden = found.ignored.length === 0;
  ignored.textContent = `Not checked, because file managers add such files: ${found.ignored.slice(0, SHOWN_FINDINGS).join(', ')}`;
  byId('facts').replaceChildren();
  if (found.manifest) showFacts(found.manifest, found.fingerprint);
  byId('result').hidden = false;
}

/** @param {Finding[]} findings */
function showFindings(findings) {
  /** @type {HTMLElement[]} */
  const items = findings.slice(0, SHOWN_FINDINGS).map(({ kind, path, text }) => {
    const item = document.createElement('li');
    item.dataset.kind = kind;
    item.append(element('code', path), element('span', text));
    return item;
  });
  if (findings.length > SHOWN_FINDINGS) items.push(element('li', `and ${findings.length - SHOWN_FINDINGS} more`));
  byId('findings').replaceChildren(...items);
}

/** @param {Manifest} manifest @param {string} key */
function showFacts(manifest, key) {
  const facts = [
    ['Case', manifest.case.name],
    ['Notes', typeof manifest.case.notes === 'string' ? manifest.case.notes : ''],
    ['Exported by', manifest.exported_by],
    ['Made at', utc(manifest.made_at)],
    ['Installation', `${manifest.installation.id}`],
    ['Fingerprint of the key', key],
    ['Files', `${manifest.files.length}`],
  ];
  byId('facts').replaceChildren(...facts.filter(([, text]) => text).flatMap(([name, text]) => [element('dt', name), element('dd', text)]));
}

folder.addEventListener('click', () => {
  folder.value = ''; // a browser reports the choice of the same folder only after another one
});
folder.addEventListener('change', () => {
  const files = [...(folder.files ?? [])];
  if (files.length > 0) check(() => chosenFiles(files));
});
fingerprint.addEventListener('input', () => {
  const isWrong = isWrongFingerprint(fingerprint.value);
  fingerprint.setAttribute('aria-invalid', `${isWrong}`);
  byId('fingerprint-hint').textContent = isWrong ? FINGERPRINT_HINT : '';
  if (report) show(report);
});
for (const name of ['dragenter', 'dragover']) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    target.classList.add('over');
  });
}
document.addEventListener('dragleave', (event) => {
  if (event.relatedTarget === null) target.classList.remove('over');
});
document.addEventListener('drop', (event) => {
  event.preventDefault();
  target.classList.remove('over');
  const { dataTransfer } = event;
  if (dataTransfer) check(() => droppedFiles(dataTransfer));
});
byId('key').textContent = OWN_KEY;
