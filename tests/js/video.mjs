// @ts-check
/** Return a video format of which only the codec is known. @param {string} codec */
export function videoOf(codec) {
  return { codec, width: null, height: null, fps: null, bitrate_kbps: null, gop: null };
}
