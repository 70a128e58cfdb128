// @ts-check
/** What the page says about a checked package. The key is compared here, because a user may enter its fingerprint later. */
import { FINGERPRINT_HINT, fingerprintDigits, isWrongFingerprint } from './fingerprint.js';

/** @typedef {import('./types.js').Report} Report */
/** @typedef {import('./types.js').Finding} Finding */
/** @typedef {{state: 'good'|'partly'|'changed', heading: string, text: string, findings: Finding[]}} Verdict */

/**
 * @param {Report} report
 * @param {string} entered text in the field for the fingerprint
 * @param {string} ownKey fingerprint of the key with which the page was made
 * @returns {Verdict}
 */
export function verdictOf(report, entered, ownKey) {
  const findings = [...keyFindings(report, entered, ownKey), ...report.findings];
  if (findings.length > 0) return { state: 'changed', heading: titleOf(report, findings), text: summaryOf(report, findings), findings };
  if (report.signature === 'not_checked') {
    return {
      state: 'partly',
      heading: 'The files fit the manifest; the signature was not checked here',
      text: 'This browser offers no check of signatures on this page. Open the page from the disk, or use another browser.',
      findings,
    };
  }
  const { manifest } = report;
  const by = manifest ? `${manifest.exported_by || 'an unnamed user'}, ${utc(manifest.made_at)}` : '';
  if (isWrongFingerprint(entered)) {
    const text = `${FINGERPRINT_HINT} The files are unchanged since export by ${by}, but the key is not compared with your text.`;
    return { state: 'partly', heading: 'The key was not compared', text, findings };
  }
  const text = fingerprintDigits(entered)
    ? 'The signature is right, by the key whose fingerprint you entered.'
    : 'The signature is right. Compare the fingerprint of the key with the one that you got separately from this package.';
  return { state: 'good', heading: `Unchanged since export by ${by}`, text, findings };
}

/** @param {Report} report @param {string} entered @param {string} ownKey @returns {Finding[]} */
function keyFindings({ manifest, fingerprint }, entered, ownKey) {
  const key = fingerprintDigits(fingerprint);
  if (!manifest || !key) return [];
  const expected = fingerprintDigits(entered) || fingerprintDigits(ownKey) || fingerprintDigits(manifest.installation.key_fingerprint);
  if (expected === key) return [];
  return [{ kind: 'key', path: 'manifest.json', text: 'It is signed by another key than the expected one.' }];
}

/** @param {Report} report @param {Finding[]} findings */
function titleOf({ manifest }, findings) {
  if (!manifest) return 'This package cannot be checked';
  return findings.every(({ kind }) => kind === 'key') ? 'Signed by another key' : 'Changed since export';
}

/** @param {Report} report @param {Finding[]} findings */
function summaryOf({ manifest, signature }, findings) {
  const count = findings.length === 1 ? 'One thing differs' : `${findings.length} things differ`;
  const unsigned = manifest && signature === 'wrong' ? ' The signature is not right, so the manifest itself may be false.' : '';
  return `${count} from what was exported.${unsigned}`;
}

/** @param {string} time RFC 3339 in UTC */
export function utc(time) {
  return time.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC');
}
