// @ts-check
/** The signature of a manifest: ECDSA with P-256 and SHA-256. */

const INTEGER_BYTES = 32;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** The bytes of a public key in PEM. Throws for other text. @param {string} pem @returns {Uint8Array<ArrayBuffer>} */
export function keyBytes(pem) {
  const found = /^-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/.exec(pem);
  if (!found) throw new Error('not a public key');
  return Uint8Array.from(atob(found[1].replace(/\s/g, '')), (char) => char.charCodeAt(0));
}

/**
 * True if the signature is right.
 * @param {SubtleCrypto} subtle
 * @param {Uint8Array<ArrayBuffer>} key SubjectPublicKeyInfo
 * @param {Uint8Array} signature in DER form
 * @param {Uint8Array<ArrayBuffer>} data
 */
export async function isSignedBy(subtle, key, signature, data) {
  try {
    const publicKey = await subtle.importKey('spki', key, ALGORITHM, false, ['verify']);
    return await subtle.verify(ALGORITHM, publicKey, twoIntegers(signature), data);
  } catch {
    return false; // neither a key nor a signature of this kind
  }
}

/** The two numbers of a DER signature, 32 bytes each, as WebCrypto expects them. @param {Uint8Array} der */
function twoIntegers(der) {
  if (der[0] !== 0x30 || der[1] !== der.length - 2) throw new Error('not a signature');
  const found = new Uint8Array(2 * INTEGER_BYTES);
  let place = 2;
  for (const end of [INTEGER_BYTES, 2 * INTEGER_BYTES]) {
    const length = der[place + 1];
    let number = der.subarray(place + 2, place + 2 + length);
    if (der[place] !== 0x02 || number.length !== length) throw new Error('not a signature');
    while (number.length > INTEGER_BYTES && number[0] === 0) number = number.subarray(1);
    found.set(number, end - number.length);
    place += 2 + length;
  }
  if (place !== der.length) throw new Error('not a signature');
  return found;
}
