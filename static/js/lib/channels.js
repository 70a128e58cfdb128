// @ts-check
/** Chooses the channels to show and the media profile of a channel to play. */

/**
 * @typedef {import('./api.js').Channel} Channel
 * @typedef {import('./api.js').Profile} Profile
 * @typedef {import('./viewer-state.js').Quality} Quality
 */

/** @param {Channel[]} channels @returns {Channel[]} without the hidden ones, in the user's order */
export function visibleChannels(channels) {
  return inOrder(channels).filter((channel) => !channel.hidden);
}

/**
 * Return the channels to choose from: those that are not hidden, and the chosen one even if it is hidden. Empty if the
 * chosen one does not exist.
 *
 * @param {Channel[]} channels
 * @param {number|null} chosen
 */
export function channelsFor(channels, chosen) {
  if (chosen !== null && !channels.some(({ channel }) => channel === chosen)) return [];
  return inOrder(channels).filter(({ channel, hidden }) => !hidden || channel === chosen);
}

/** @param {Channel[]} channels @returns {Channel[]} */
export function inOrder(channels) {
  return [...channels].sort((a, b) => a.position - b.position || a.channel - b.channel);
}

/** @param {Channel} channel @param {Quality} quality @returns {Profile|null} */
export function profileOf(channel, quality) {
  return channel.profiles.find((profile) => profile.role === quality) ?? null;
}

/** Return the channel's smallest profile, for a tile. @param {Channel} channel */
export function tileProfileOf(channel) {
  return profileOf(channel, 'sub') ?? profileOf(channel, 'main') ?? channel.profiles[0] ?? null;
}

const UNKNOWN_VIDEO = { width: null, height: null, fps: null, bitrate_kbps: null, gop: null };

/**
 * Return a channel with the codecs that its streams really have, where the device reported others.
 *
 * @param {Channel} channel
 * @param {ReadonlyMap<string, string>} seen codecs that could not be played, by profile token
 * @returns {Channel}
 */
export function asSeen(channel, seen) {
  const profiles = channel.profiles.map((profile) => {
    const codec = seen.get(profile.profile_token);
    return codec ? { ...profile, video: { ...UNKNOWN_VIDEO, ...profile.video, codec }, isUnplayable: true } : profile;
  });
  return { ...channel, profiles };
}

/** @param {Profile|null} profile @param {readonly string[]} decodes @returns {boolean} true for an unknown codec */
export function canDecode(profile, decodes) {
  if (profile?.isUnplayable) return false;
  const codec = profile?.video?.codec;
  return !codec || decodes.includes(codec);
}

/**
 * Return the profile to play. The sub stream replaces a main stream that this player cannot decode (`isFallback`),
 * unless the user wants it converted. Without a usable sub stream the main stream is converted. `refusedCodec`: the codec
 * that this player cannot decode, as the stream has it.
 *
 * @param {Channel} channel
 * @param {{quality: Quality|null, convert: boolean, decodes: readonly string[]}} request
 * @returns {{profile: Profile, quality: Quality|null, isFallback: boolean, converting: boolean, refusedCodec: string|null}
 *   |null} null: nothing to play
 */
export function chooseProfile(channel, { quality, convert, decodes }) {
  const main = profileOf(channel, 'main');
  const sub = profileOf(channel, 'sub');
  const wanted = (quality === 'sub' ? (sub ?? main) : (main ?? sub)) ?? channel.profiles[0] ?? null;
  if (!wanted) return null;
  if (canDecode(wanted, decodes)) {
    return { profile: wanted, quality: roleOf(wanted), isFallback: false, converting: false, refusedCodec: null };
  }
  const refusedCodec = wanted.video?.codec ?? null;
  const other = wanted === sub ? main : sub;
  if (!convert && other && canDecode(other, decodes)) {
    return { profile: other, quality: roleOf(other), isFallback: true, converting: false, refusedCodec };
  }
  return { profile: wanted, quality: roleOf(wanted), isFallback: false, converting: true, refusedCodec };
}

/**
 * Return the codecs that the server may pass on unchanged. The codec of a stream that is to be converted is left out,
 * because a browser may decode only some profiles of H.265.
 *
 * @param {{profile: Profile, converting: boolean}} chosen the profile that plays
 * @param {readonly string[]} decodes
 */
export function acceptOf({ profile, converting }, decodes) {
  return decodes.filter((codec) => codec === 'h264' || !converting || codec !== profile.video?.codec);
}

/** @param {Profile} profile @returns {Quality|null} */
function roleOf(profile) {
  return profile.role === 'other' ? null : profile.role;
}

/**
 * Return the neighbour of a channel among the visible ones, around the end.
 *
 * @param {Channel[]} channels
 * @param {number|null} current
 * @param {1|-1} step
 * @returns {number|null}
 */
export function neighbour(channels, current, step) {
  const shown = visibleChannels(channels);
  if (!shown.length) return null;
  const at = shown.findIndex((channel) => channel.channel === current);
  const next = at < 0 ? 0 : (at + step + shown.length) % shown.length;
  return shown[next]?.channel ?? null;
}

/**
 * Return the numbers after one was moved by `step` places; null if it is at the end already.
 *
 * @param {number[]} numbers
 * @param {number} moved
 * @param {number} step
 */
export function movedBy(numbers, moved, step) {
  const from = numbers.indexOf(moved);
  const to = from + step;
  if (from < 0 || to < 0 || to >= numbers.length) return null;
  const next = [...numbers];
  next.splice(from, 1);
  next.splice(to, 0, moved);
  return next;
}
