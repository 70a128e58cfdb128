// @ts-check
/** The fingerprint of a key: SHA-256, 64 hexadecimal digits, with or without separators. */

export const FINGERPRINT_HINT = 'A fingerprint has 64 digits: 0 to 9 and A to F.';

/** The digits in capitals; empty for a text that is no whole fingerprint. @param {string} text */
export function fingerprintDigits(text) {
  const digits = text.toUpperCase().replace(/[\s:-]/g, '');
  return /^[0-9A-F]{64}$/.test(digits) ? digits : '';
}

/** True for a text that is neither empty nor a whole fingerprint. @param {string} text */
export function isWrongFingerprint(text) {
  return text.trim() !== '' && !fingerprintDigits(text);
}
