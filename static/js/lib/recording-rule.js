// @ts-check
/** The fields of the form of a recording rule, as text, and the rule that they give. */

/**
 * @typedef {import('./recording-types.js').RuleDraft} RuleDraft
 * @typedef {{mode: string, quality: string, timeZone: string, pre: string, post: string, keepDays: string, keepGb: string,
 *   limitDays: string, backfills: boolean}} RuleFields
 * @typedef {{field: string, message: string}} FieldError
 */

const GB = 1e9;

/** @param {RuleDraft} rule @returns {RuleFields} */
export function fieldsOf(rule) {
  const text = (/** @type {number|null} */ value) => (value === null ? '' : String(Number(value.toFixed(3))));
  return {
    mode: rule.mode,
    quality: rule.quality,
    timeZone: rule.time_zone,
    pre: text(rule.pre_s),
    post: text(rule.post_s),
    keepDays: text(rule.keep_days),
    keepGb: text(rule.keep_bytes === null ? null : rule.keep_bytes / GB),
    limitDays: text(rule.limit_days),
    backfills: rule.backfills,
  };
}

/**
 * Return the rule of the fields, with an error for each field that has no valid value.
 *
 * @param {RuleFields} fields
 * @param {import('./recording-types.js').WeekSpan[]} schedule
 * @returns {{rule: RuleDraft, errors: FieldError[]}}
 */
export function ruleOf(fields, schedule) {
  /** @type {FieldError[]} */
  const errors = [];
  const number = (/** @type {string} */ field, /** @type {string} */ text, /** @type {string} */ what) => {
    const value = numberOf(text);
    if (value !== undefined) return value;
    errors.push({ field, message: `Enter ${what}, such as 30.` });
    return null;
  };
  const mode = /** @type {RuleDraft['mode']} */ (fields.mode);
  const positive = (/** @type {string} */ field, /** @type {string} */ text, /** @type {string} */ what) => {
    const value = number(field, text, what);
    if (value === 0) errors.push({ field, message: 'Enter more than 0, or leave the field empty for no limit.' });
    return value;
  };
  const keepGb = positive('keep_bytes', fields.keepGb, 'a size in GB');
  const rule = {
    mode,
    quality: /** @type {RuleDraft['quality']} */ (fields.quality),
    schedule,
    time_zone: fields.timeZone,
    pre_s: number('pre_s', fields.pre || '0', 'a number of seconds') ?? 0,
    post_s: number('post_s', fields.post || '0', 'a number of seconds') ?? 0,
    keep_days: positive('keep_days', fields.keepDays, 'a number of days'),
    keep_bytes: keepGb === null ? null : Math.round(keepGb * GB),
    limit_days: positive('limit_days', fields.limitDays, 'a number of days'),
    backfills: fields.backfills,
  };
  if (mode === 'schedule' && !schedule.length) {
    errors.push({ field: 'schedule', message: 'Choose at least one half hour, or the mode Off.' });
  }
  return { rule, errors };
}

/** @param {string} text with a decimal point or comma @returns {number|null|undefined} null: empty; undefined: no number */
function numberOf(text) {
  const trimmed = text.trim().replace(',', '.');
  if (!trimmed) return null;
  return /^\d{1,9}(\.\d{1,6})?$/.test(trimmed) ? Number(trimmed) : undefined;
}
