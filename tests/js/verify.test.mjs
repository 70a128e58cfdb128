// @ts-check
/** The page verify.html: SHA-256 for browsers without WebCrypto, and what the check says. The browser tests have more. */
import assert from 'node:assert/strict';
import { createHash, createSign, generateKeyPairSync, webcrypto } from 'node:crypto';
import test from 'node:test';
import { FORMAT, PackageCheck, plainFingerprint, spanText } from '../../static/js/verify/checker.js';
import { sha256 } from '../../static/js/verify/sha256.js';

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

/** A package with one file of two pieces. */
function signedPackage() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = publicKey.export({ type: 'spki', format: 'der' });
  const content = new Uint8Array(100_000).fill(5);
  const pieces = [content.subarray(0, 65_536), content.subarray(65_536)].map((piece) => ({ sha256: hashOf(piece) }));
  const file = { path: 'video/a.mp4', kind: 'video', bytes: content.length, sha256: hashOf(content), pieces };
  const manifest = JSON.stringify({
    format: FORMAT,
    version: 1,
    case: { name: 'Theft', notes: '' },
    exported_by: 'Anna',
    made_at: '2026-11-22T10:00:00.000Z',
    installation: { id: 'x', public_key: publicKey.export({ type: 'spki', format: 'pem' }), key_fingerprint: hashOf(der) },
    piece_bytes: 65_536,
    files: [file],
  });
  const signature = createSign('sha256').update(manifest).sign(privateKey);
  const sums = `${hashOf(manifest)}  manifest.json\n${hashOf(signature)}  manifest.sig\n${file.sha256}  ${file.path}\n`;
  return new Map([
    ['video/a.mp4', new Blob([content])],
    ['manifest.json', new Blob([manifest])],
    ['manifest.sig', new Blob([signature])],
    ['SHA256SUMS', new Blob([sums])],
  ]);
}

/** @param {Map<string, Blob>} files @param {SubtleCrypto|undefined} subtle @param {string} fingerprint */
const check = (files, subtle = SUBTLE, fingerprint = '') => new PackageCheck(files, { fingerprint, subtle }).run();

test('many signatures are read, of any length of their numbers', async () => {
  for (let count = 0; count < 40; count += 1) {
    const { signature, findings } = await check(signedPackage());
    assert.deepEqual([signature, findings], ['good', []]);
  }
});

test('without WebCrypto the files are checked and the signature is not', async () => {
  const files = signedPackage();
  const report = await new PackageCheck(files, { fingerprint: '', subtle: undefined }).run();
  assert.deepEqual([report.signature, report.findings], ['not_checked', []]);
  const changed = new Uint8Array(100_000).fill(5);
  changed[70_000] = 4;
  files.set('video/a.mp4', new Blob([changed]));
  const again = await new PackageCheck(files, { fingerprint: '', subtle: undefined }).run();
  assert.deepEqual(again.findings, [{ kind: 'changed', path: 'video/a.mp4', text: 'This file was changed in piece 2 of 2.' }]);
});

test('progress ends at the size of all files', async () => {
  let last = [0, 0];
  const onProgress = (/** @type {number} */ done, /** @type {number} */ total) => (last = [done, total]);
  await new PackageCheck(signedPackage(), { fingerprint: '', subtle: SUBTLE, onProgress }).run();
  assert.deepEqual(last, [100_000, 100_000]);
});

test('manifests of another kind are refused', async () => {
  for (const text of ['', '[]', 'null', '{}', `{"format": "${FORMAT}", "version": 1, "files": 5}`]) {
    const { manifest, findings } = await check(new Map([['manifest.json', new Blob([text])]]));
    assert.equal(manifest, null, text);
    assert.equal(findings.length, 1);
  }
});

test('fingerprints are compared without colons, spaces and case', async () => {
  assert.equal(plainFingerprint('3a:0F 1'), '3A0F1');
  const { findings } = await check(signedPackage(), SUBTLE, 'AB:CD');
  assert.deepEqual(
    findings.map(({ kind }) => kind),
    ['key'],
  );
});

test('a span names its day once', () => {
  assert.equal(spanText('2026-11-22T10:00:00.000Z', '2026-11-22T10:00:34.500Z'), '2026-11-22 10:00:00 to 10:00:34 UTC');
  assert.equal(spanText('2026-11-22T23:59:59.000Z', '2026-11-23T00:00:30.000Z'), '2026-11-22 23:59:59 to 2026-11-23 00:00:30 UTC');
});
