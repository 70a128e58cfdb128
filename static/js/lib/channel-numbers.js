// @ts-check
/** Channel numbers in the form that users type: `1-4, 7`. */

const MOST = 1024;

/**
 * @param {string} text numbers and ranges; may be empty
 * @returns {number[]|null|undefined} null: all channels (empty text); undefined: not a list of channels
 */
export function parseChannelNumbers(text) {
  const trimmed = text.trim();
  if (!trimmed) return null;
  /** @type {Set<number>} */
  const numbers = new Set();
  for (const piece of trimmed.replaceAll(/\s*[-–]\s*/g, '-').split(/[\s,;]+/)) {
    if (!piece) continue;
    const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(piece);
    if (!match) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (first < 1 || last < first || last > MOST) return undefined;
    for (let number = first; number <= last; number += 1) numbers.add(number);
  }
  return numbers.size ? [...numbers].sort((one, other) => one - other) : undefined;
}

/** @param {readonly number[]|null} numbers sorted @returns {string} */
export function formatChannelNumbers(numbers) {
  if (numbers === null) return '';
  /** @type {string[]} */
  const pieces = [];
  let start = 0;
  numbers.forEach((number, index) => {
    if (numbers[index + 1] === number + 1) return;
    const first = /** @type {number} */ (numbers[start]);
    pieces.push(first === number ? `${first}` : `${first}–${number}`);
    start = index + 1;
  });
  return pieces.join(', ');
}
