// @ts-check
/** What the page says about a checked package. The key is compared here, because a user may enter its fingerprint later. */
import { FINGERPRINT_HINT, fingerprintDigits, isWrongFingerprint } from './fingerprint.js';

/** @typedef {import('./types.js').Report} Report */
/** @typedef {import('./types.js').Finding} Finding */
/** @typedef {{state: 'good'|'partly'|'changed', heading: string, text: string, findings: Finding[]}} Verdict */

const OTHER_KEY = {
  entered: 'The files fit the manifest, but its key is not the one whose fingerprint you entered.',
  own: 'The files fit the manifest, but its key is not the one with which this page was made.',
};

/**
 * @param {Report} report
 * @param {string} entered text in the field for the fingerprint
 * @param {string} ownKey fingerprint of the key with which the page was made
 * @returns {Verdict}
 */
export function verdictOf(report, entered, ownKey) {
  const findings = [...keyFindings(report, entered, ownKey), ...report.findings];
  const { manifest, signature } = report;
  if (!manifest) {
    return { state: 'changed', heading: 'This package cannot be checked', text: 'Nothing was compared, for this reason:', findings };
  }
  const changes = findings.filter(({ kind }) => kind !== 'outside');
  if (changes.length > 0 && changes.every(({ kind }) => kind === 'key')) {
    const text = `${OTHER_KEY[fingerprintDigits(entered) ? 'entered' : 'own']}${signature === 'not_checked' ? ' The signature was not checked here.' : ''}`;
    return { state: 'changed', heading: 'Signed by another key', text, findings };
  }
  if (changes.length > 0)
    return { state: 'changed', heading: 'Changed since export', text: summaryOf(changes.length, signature), findings };
  if (signature === 'not_checked') {
    return {
      state: 'partly',
      heading: 'The files fit the manifest; the signature was not checked here',
      text: 'This browser offers no check of signatures on this page. Open the page from the disk, or use another browser.',
      findings,
    };
  }
  const by = `${manifest.exported_by || 'an unnamed user'}, ${utc(manifest.made_at)}`;
  if (isWrongFingerprint(entered)) {
    const text = `${FINGERPRINT_HINT} The files are unchanged since export by ${by}, but the key is not compared with your text.`;
    return { state: 'partly', heading: 'The key was not compared', text, findings };
  }
  const key = fingerprintDigits(entered)
    ? 'The signature is right, by the key whose fingerprint you entered.'
    : 'The signature is right. Compare the fingerprint of the key with the one that you got separately from this package.';
  if (findings.length > 0) {
    const text = `The package is unchanged since export by ${by}. ${key} These files are not part of it:`;
    return { state: 'partly', heading: 'Other files lie beside the package', text, findings };
  }
  return { state: 'good', heading: `Unchanged since export by ${by}`, text: key, findings };
}

/** @param {Report} report @param {string} entered @param {string} ownKey @returns {Finding[]} */
function keyFindings({ manifest, fingerprint }, entered, ownKey) {
  const key = fingerprintDigits(fingerprint);
  if (!manifest || !key) return [];
  const expected = fingerprintDigits(entered) || fingerprintDigits(ownKey) || fingerprintDigits(manifest.installation.key_fingerprint);
  if (expected === key) return [];
  return [{ kind: 'key', path: 'manifest.json', text: 'It is signed by another key than the expected one.' }];
}

/** @param {number} count @param {Report['signature']} signature */
function summaryOf(count, signature) {
  const differ = count === 1 ? 'One thing differs' : `${count} things differ`;
  const unsigned = signature === 'wrong' ? ' The signature is not right, so the manifest itself may be false.' : '';
  return `${differ} from what was exported.${unsigned}`;
}

/** @param {string} time RFC 3339 in UTC */
export function utc(time) {
  return time.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC');
}
