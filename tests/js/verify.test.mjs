// @ts-check
/** The page verify.html: SHA-256 for browsers without WebCrypto, and what the check says. The browser tests have more. */
import assert from 'node:assert/strict';
import { createHash, createSign, generateKeyPairSync, webcrypto } from 'node:crypto';
import test from 'node:test';
import { FORMAT, PackageCheck, spanText } from '../../static/js/verify/checker.js';
import { fingerprintDigits, isWrongFingerprint } from '../../static/js/verify/fingerprint.js';
import { sha256 } from '../../static/js/verify/sha256.js';
import { verdictOf } from '../../static/js/verify/verdict.js';

const SUBTLE = /** @type {SubtleCrypto} */ (/** @type {unknown} */ (webcrypto.subtle));

/** @param {string|Uint8Array} data */
const hashOf = (data) => createHash('sha256').update(data).digest('hex');

test('SHA-256 is right for all lengths around a block', () => {
  for (const length of [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 128, 100_003]) {
    const data = Uint8Array.from({ length }, (_, index) => index * 7);
    assert.equal(sha256(data), hashOf(data), `${length} bytes`);
    assert.equal(sha256(data.subarray(1)), hashOf(data.subarray(1)), `a part of ${length} bytes`);
  }
});

/** A package with files of one content, of two pieces. @param {string[]} paths */
function signedPackage(paths = ['video/a.mp4']) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = publicKey.export({ type: 'spki', format: 'der' });
  const content = new Uint8Array(100_000).fill(5);
  const pieces = [content.subarray(0, 65_536), content.subarray(65_536)].map((piece) => ({ sha256: hashOf(piece) }));
  const files = paths.map((path) => ({ path, kind: 'video', bytes: content.length, sha256: hashOf(content), pieces }));
  const manifest = JSON.stringify({
    format: FORMAT,
    version: 1,
    case: { name: 'Theft', notes: '' },
    exported_by: 'Anna',
    made_at: '2026-11-22T10:00:00.000Z',
    installation: { id: 'x', public_key: publicKey.export({ type: 'spki', format: 'pem' }), key_fingerprint: hashOf(der) },
    piece_bytes: 65_536,
    files,
  });
  const signature = createSign('sha256').update(manifest).sign(privateKey);
  const listed = files.map(({ path, sha256: hash }) => `${hash}  ${path}\n`).join('');
  const sums = `${hashOf(manifest)}  manifest.json\n${hashOf(signature)}  manifest.sig\n${listed}`;
  return new Map([
    ...paths.map((path) => /** @type {[string, Blob]} */ ([path, new Blob([content])])),
    ['manifest.json', new Blob([manifest])],
    ['manifest.sig', new Blob([signature])],
    ['SHA256SUMS', new Blob([sums])],
  ]);
}

/** @param {Map<string, Blob>} files */
const check = (files) => new PackageCheck(files, { subtle: SUBTLE }).run();

test('many signatures are read, of any length of their numbers', async () => {
  for (let count = 0; count < 40; count += 1) {
    const { signature, findings } = await check(signedPackage());
    assert.deepEqual([signature, findings], ['good', []]);
  }
});

test('without WebCrypto the files are checked and the signature is not', async () => {
  const files = signedPackage();
  const report = await new PackageCheck(files, { subtle: undefined }).run();
  assert.deepEqual([report.signature, report.findings], ['not_checked', []]);
  const changed = new Uint8Array(100_000).fill(5);
  changed[70_000] = 4;
  files.set('video/a.mp4', new Blob([changed]));
  const again = await new PackageCheck(files, { subtle: undefined }).run();
  assert.deepEqual(again.findings, [{ kind: 'changed', path: 'video/a.mp4', text: 'This file was changed in piece 2 of 2.' }]);
});

test('progress ends at the size of all files', async () => {
  let last = [0, 0];
  const onProgress = (/** @type {number} */ done, /** @type {number} */ total) => (last = [done, total]);
  await new PackageCheck(signedPackage(), { subtle: SUBTLE, onProgress }).run();
  assert.deepEqual(last, [100_000, 100_000]);
});

test('manifests of another kind are refused', async () => {
  for (const text of ['', '[]', 'null', '{}', `{"format": "${FORMAT}", "version": 1, "files": 5}`]) {
    const { manifest, findings } = await check(new Map([['manifest.json', new Blob([text])]]));
    assert.equal(manifest, null, text);
    assert.equal(findings.length, 1);
  }
});

test('a whole fingerprint is read without colons, spaces and case', () => {
  const digits = 'A'.repeat(64);
  for (const text of [digits, digits.toLowerCase(), ` ${digits.replace(/..(?=.)/g, '$&:')} `, digits.replace(/..../g, '$& ')]) {
    assert.deepEqual([fingerprintDigits(text), isWrongFingerprint(text)], [digits, false]);
  }
  for (const text of ['AB:CD', digits.slice(1), `${digits}A`, `${digits.slice(1)}X`, `SHA256:${digits}`, ':']) {
    assert.deepEqual([fingerprintDigits(text), isWrongFingerprint(text)], ['', true], text);
  }
  assert.equal(isWrongFingerprint(' '), false);
});

test('the entered fingerprint comes before that of the page', async () => {
  const report = await check(signedPackage());
  const other = 'AB'.repeat(32);
  const told = (/** @type {string} */ entered, /** @type {string} */ own) => {
    const { state, heading, text, findings } = verdictOf(report, entered, own);
    return [state, heading.split(' ')[0], text.includes('is right, by the key whose'), findings.map(({ kind }) => kind)];
  };
  assert.deepEqual(told(report.fingerprint.toLowerCase(), other), ['good', 'Unchanged', true, []]);
  assert.deepEqual(told(other, report.fingerprint), ['changed', 'Signed', false, ['key']]);
  assert.deepEqual(told('', other), ['changed', 'Signed', false, ['key']]);
  assert.deepEqual(told('', report.fingerprint), ['good', 'Unchanged', false, []]);
  assert.deepEqual(told(report.fingerprint.slice(1), report.fingerprint), ['partly', 'The', false, []]);
  assert.deepEqual(told('AB', other), ['changed', 'Signed', false, ['key']]);
});

/** @param {Map<string, Blob>} files @param {string} folder */
const inFolder = (files, folder) => new Map([...files].map(([path, content]) => [`${folder}/${path}`, content]));
/** @param {import('../../static/js/verify/types.js').Finding[]} findings */
const brief = (findings) => findings.map(({ kind, path }) => `${kind} ${path}`);

test('files beside the package are named, and the package is checked', async () => {
  const files = inFolder(signedPackage(), 'evidence/original');
  files.set('evidence/video/fake.mp4', new Blob(['x']));
  files.set('evidence/.DS_Store', new Blob(['x']));
  const report = await check(files);
  assert.deepEqual(brief(report.findings), ['outside evidence/video/fake.mp4']);
  assert.deepEqual(report.ignored, ['evidence/.DS_Store']);
  const { state, heading } = verdictOf(report, report.fingerprint, report.fingerprint);
  assert.deepEqual([state, heading], ['partly', 'Other files lie beside the package']);
  files.delete('evidence/original/video/a.mp4');
  const changed = await check(files);
  assert.equal(verdictOf(changed, '', changed.fingerprint).heading, 'Changed since export');
});

test('neither of two packages is checked', async () => {
  const one = signedPackage();
  const both = new Map([...inFolder(one, 'x/one'), ...inFolder(one, 'x/two/deep')]);
  const report = await check(both);
  assert.equal(report.manifest, null);
  assert.deepEqual(brief(report.findings), ['manifest x/one/manifest.json', 'manifest x/two/deep/manifest.json']);
  assert.match(report.findings[0].text, /Drop one package/);
  assert.equal(verdictOf(report, '', '').heading, 'This package cannot be checked');
  one.set('video/manifest.json', new Blob(['{}']));
  assert.deepEqual(brief((await check(one)).findings), ['added video/manifest.json']);
});

test('only unlisted files of file managers are left out, and they are named', async () => {
  const files = signedPackage(['video/._a.mp4']);
  files.set('video/._b.mp4', new Blob(['x'])).set('video/Thumbs.db', new Blob(['x']));
  const { findings, ignored } = await check(files);
  assert.deepEqual([findings, ignored], [[], ['video/._b.mp4', 'video/Thumbs.db']]);
  files.set('video/._a.mp4', new Blob(['x']));
  assert.equal((await check(files)).findings[0].kind, 'changed');
});

test('a ZIP must be unpacked first', async () => {
  const { manifest, findings } = await check(new Map([['package.ZIP', new Blob(['PK'])]]));
  assert.equal(manifest, null);
  assert.deepEqual(brief(findings), ['manifest package.ZIP']);
  assert.match(findings[0].text, /Unpack the ZIP first/);
});

test('a manifest that is too large is named so', async () => {
  class LargeBlob extends Blob {
    /** @override */
    get size() {
      return 256_000_001;
    }
  }
  const { findings } = await check(signedPackage().set('manifest.json', new LargeBlob(['{}'])));
  assert.match(findings[0].text, /too large: this page reads 256,000,000 bytes at most/);
});

test('a renamed copy stands for one missing file only', async () => {
  const files = signedPackage(['video/a.mp4', 'video/b.mp4']);
  const content = /** @type {Blob} */ (files.get('video/a.mp4'));
  files.delete('video/a.mp4');
  files.delete('video/b.mp4');
  files.set('video/c.mp4', content);
  assert.deepEqual(brief((await check(files)).findings), ['renamed video/a.mp4', 'missing video/b.mp4']);
});

test('a package that only another key signed has no changed files', async () => {
  const report = await check(signedPackage());
  const other = 'AB'.repeat(32);
  assert.match(verdictOf(report, other, '').text, /files fit the manifest, .* fingerprint you entered/);
  assert.match(verdictOf(report, '', other).text, /files fit the manifest, .* this page was made/);
});

test('a span names its day once', () => {
  assert.equal(spanText('2026-11-22T10:00:00.000Z', '2026-11-22T10:00:34.500Z'), '2026-11-22 10:00:00 to 10:00:34 UTC');
  assert.equal(spanText('2026-11-22T23:59:59.000Z', '2026-11-23T00:00:30.000Z'), '2026-11-22 23:59:59 to 2026-11-23 00:00:30 UTC');
});
