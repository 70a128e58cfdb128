// @ts-check
/** Events as marks on the timeline: from a topic's on to the same topic's off, with a name for users. */

/**
 * @typedef {import('./coverage.js').RowEvent} RowEvent
 * @typedef {{startMs: number, endMs: number, topic: string}} Mark
 */

const MOMENT_MS = 1000; // drawn length of an event without an end

/**
 * Names of the most common topics. The name of any other topic is made from its path.
 *
 * @type {Record<string, string>}
 */
const NAMES = {
  'RuleEngine/CellMotionDetector/Motion': 'Motion',
  'VideoSource/MotionAlarm': 'Motion',
  'RuleEngine/MotionRegionDetector/Motion': 'Motion',
  'RuleEngine/LineDetector/Crossed': 'Line crossed',
  'RuleEngine/FieldDetector/ObjectsInside': 'Object in the field',
  'RuleEngine/TamperDetector/Tamper': 'Tampering',
  'VideoSource/GlobalSceneChange/ImagingService': 'Scene changed',
  'VideoSource/SignalLoss': 'Signal lost',
  'Device/Trigger/DigitalInput': 'Alarm input',
  'AudioAnalytics/Audio/DetectedSound': 'Sound detected',
};

/** @param {string} topic `tns1:RuleEngine/LineDetector/Crossed` @returns {string} `Line crossed` */
export function topicName(topic) {
  const path = topic
    .split('/')
    .map((step) => step.replace(/^.*:/, ''))
    .filter(Boolean);
  const known = path.join('/');
  if (Object.hasOwn(NAMES, known)) return NAMES[known] ?? '';
  const words = path.slice(-2).map((step) => step.replace(/([a-z\d])([A-Z])/g, (_, before, after) => `${before} ${after.toLowerCase()}`));
  return words.join(', ') || 'Event';
}

/**
 * Return events as marks, sorted by start. An event without on and off (a crossed line) is a short mark.
 *
 * @param {RowEvent[]} events sorted by time
 * @returns {Mark[]}
 */
export function marksOf(events) {
  /** @type {Map<string, Mark>} */
  const open = new Map();
  /** @type {Mark[]} */
  const marks = [];
  for (const { atMs, topic, isOn } of events) {
    const begun = open.get(topic);
    if (isOn === false) {
      if (begun) begun.endMs = atMs;
      else marks.push({ startMs: atMs, endMs: atMs, topic });
      open.delete(topic);
    } else if (isOn === null || !begun) {
      const mark = { startMs: atMs, endMs: atMs + MOMENT_MS, topic };
      marks.push(mark);
      if (isOn) open.set(topic, mark);
    }
  }
  return marks;
}

/**
 * Return the names of the events at a moment, each name once.
 *
 * @param {RowEvent[]} events
 * @param {number} atMs
 * @param {number} [slackMs]
 * @returns {string[]}
 */
export function namesAt(events, atMs, slackMs = 0) {
  const there = marksOf(events).filter(({ startMs, endMs }) => startMs - slackMs <= atMs && atMs <= endMs + slackMs);
  return [...new Set(there.map(({ topic }) => topicName(topic)))];
}
