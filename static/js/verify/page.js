// @ts-check
/** The page verify.html of an evidence package. It needs no network, and all texts of the package are set as text. */
import { PackageCheck, plainFingerprint } from './checker.js';
import { chosenFiles, droppedFiles } from './dropped-files.js';

/** @typedef {import('./types.js').Report} Report */
/** @typedef {import('./types.js').Manifest} Manifest */

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

/** @param {string} name @param {string} text */
function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

/** @param {Map<string, File>} files */
async function check(files) {
  run += 1;
  const own = run;
  byId('result').hidden = true;
  progress.hidden = false;
  progress.removeAttribute('value');
  say('working', 'Checking…', 'All files are read. Nothing leaves this computer.');
  const onProgress = (/** @type {number} */ done, /** @type {number} */ total) => {
    if (own === run) progress.value = total ? done / total : 1;
  };
  const expected = plainFingerprint(fingerprint.value) ? fingerprint.value : OWN_KEY;
  try {
    const { subtle } = globalThis.crypto ?? {};
    const report = await new PackageCheck(files, { fingerprint: expected, subtle, onProgress }).run();
    if (own === run) show(report);
  } catch (error) {
    if (own === run) say('changed', 'This folder cannot be checked', `A file cannot be read: ${error}`);
  } finally {
    if (own === run) progress.hidden = true;
  }
}

/** @param {'working'|'good'|'partly'|'changed'} state @param {string} heading @param {string} text */
function say(state, heading, text) {
  const verdict = byId('verdict');
  verdict.className = state;
  verdict.replaceChildren(element('h2', heading), element('p', text));
  verdict.hidden = false;
}

/** @param {Report} report */
function show(report) {
  const { manifest, signature, findings } = report;
  const by = manifest ? `${manifest.exported_by || 'an unnamed user'}, ${utc(manifest.made_at)}` : '';
  if (findings.length > 0) {
    say('changed', titleOf(report), summary(report));
  } else if (signature === 'not_checked') {
    say(
      'partly',
      'The files fit the manifest; the signature was not checked here',
      'This browser offers no check of signatures on this page. Open the page from the disk, or use another browser.',
    );
  } else {
    const text = plainFingerprint(fingerprint.value)
      ? 'The signature is right, by the key whose fingerprint you entered.'
      : 'The signature is right. Compare the fingerprint of the key with the one that you got by another way.';
    say('good', `Unchanged since export by ${by}`, text);
  }
  showFindings(report);
  if (manifest) showFacts(manifest, report.fingerprint);
  byId('result').hidden = false;
}

/** @param {Report} report */
function titleOf({ manifest, findings }) {
  if (!manifest) return 'This package cannot be checked';
  return findings.every(({ kind }) => kind === 'key') ? 'Signed by another key' : 'Changed since export';
}

/** @param {Report} report */
function summary({ manifest, findings, signature }) {
  const count = findings.length === 1 ? 'One thing differs' : `${findings.length} things differ`;
  const unsigned = manifest && signature === 'wrong' ? ' The signature is not right, so the manifest itself may be false.' : '';
  return `${count} from what was exported.${unsigned}`;
}

/** @param {Report} report */
function showFindings({ findings }) {
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

/** @param {string} time RFC 3339 in UTC */
function utc(time) {
  return time.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC');
}

folder.addEventListener('change', () => {
  if (folder.files?.length) check(chosenFiles(folder.files));
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
document.addEventListener('drop', async (event) => {
  event.preventDefault();
  target.classList.remove('over');
  if (!event.dataTransfer) return;
  try {
    await check(await droppedFiles(event.dataTransfer));
  } catch {
    say('changed', 'This folder cannot be read', 'Choose it with the button instead.');
  }
});
byId('key').textContent = OWN_KEY;
