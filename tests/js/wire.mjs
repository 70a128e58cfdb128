// @ts-check

/** A WebSocket whose server side is the test. Only the network is faked. */
export class Wire extends EventTarget {
  /** @type {Wire[]} */
  static made = [];
  readyState = 0;
  binaryType = '';
  onmessage = null;
  answersClock = true;
  /** @type {any[]} */
  sent = [];

  constructor() {
    super();
    Wire.made.push(this);
  }

  /** @param {string} text */
  send(text) {
    const message = JSON.parse(text);
    this.sent.push(message);
    if (message.type === 'clock' && this.answersClock) this.receive({ type: 'clock', sent: message.sent, now_ms: Date.now() });
  }

  close() {
    this.readyState = 3;
  }

  open() {
    this.readyState = 1;
    this.dispatchEvent(new Event('open'));
  }

  /** @param {number} [code] */
  break(code = 1006) {
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event('close'), { code }));
  }

  /** @param {object} message */
  receive(message) {
    this.dispatchEvent(Object.assign(new Event('message'), { data: JSON.stringify(message) }));
  }

  /** @param {number} kind @param {number} id @param {{isKey?: boolean, startS?: number, takenMs?: number}} [about] */
  receiveBinary(kind, id, { isKey = true, startS = 0, takenMs = NaN } = {}) {
    const head = new DataView(new ArrayBuffer(23));
    head.setUint8(0, kind);
    head.setUint8(1, isKey ? 1 : 0);
    head.setUint16(2, id);
    head.setFloat64(4, startS);
    head.setFloat64(12, takenMs);
    this.dispatchEvent(Object.assign(new Event('message'), { data: head.buffer }));
  }
}

/** The watches that a page has requested. @param {Wire} wire */
export const asked = (wire) => wire.sent.filter((message) => message.type === 'watch');

/** Send a watch its init section and first fragments. @param {Wire} wire @param {number} id @param {string} [codecs] */
export function start(wire, id, codecs = 'avc1.42') {
  wire.receive({ type: 'init', id, codecs, codec: 'h264', width: 1, height: 1, sound: null, has_sound: true });
  wire.receiveBinary(1, id);
  wire.receiveBinary(2, id, { startS: 1, takenMs: 5 });
}
