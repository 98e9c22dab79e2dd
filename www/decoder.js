// Frames from a file that is chosen or dropped, or from pasted hexadecimal, decoded by the gateway.

import { postForJson } from './api.js';
import { describePlace } from './composer.js';
import { byId, element, setText } from './dom.js';
import { bytes, plural } from './format.js';
import { FrameTable, entriesOf } from './frametable.js';

/** Bytes from hexadecimal with any white space; an error says what is not hexadecimal. */
function fromHex(text) {
  const digits = text.replace(/\s+/g, '');
  const wrong = digits.search(/[^0-9a-fA-F]/);
  if (wrong >= 0) {
    throw new Error(`'${digits[wrong]}' is no hexadecimal digit`);
  }
  if (digits.length % 2 === 1) {
    throw new Error('an odd number of hexadecimal digits is no bytes');
  }
  return Uint8Array.from({ length: digits.length / 2 }, (_, place) => parseInt(digits.slice(2 * place, 2 * place + 2), 16));
}

function show(name, size, { frames, error }) {
  const box = byId('decoded-frames');
  setText(byId('title-decoded'), `${name}: ${plural(frames.length, 'frame')}, ${bytes(size)}`);
  box.replaceChildren();
  if (error) {
    box.append(element('p', { class: 'wrong-box' }, element('b', { text: 'Malformed. ' }), element('span', { class: 'message', text: describePlace(error) })));
  }
  if (frames.length > 0) {
    new FrameTable(box, { log: false, caption: `Frames of ${name}` }).show(entriesOf(frames));
  }
}

async function decode(name, getBytes) {
  byId('decoded').hidden = false;
  try {
    const body = await getBytes();
    show(name, body.byteLength, await postForJson('decode', body, { 'Content-Type': 'application/octet-stream' }));
  } catch (error) {
    setText(byId('title-decoded'), name);
    byId('decoded-frames').replaceChildren(element('p', { class: 'wrong-box', text: error.message }));
  }
  byId('title-decoded').focus({ preventScroll: true });
}

function decodeFile(file) {
  return decode(file.name, () => file.arrayBuffer());
}

export function startDecoder() {
  const drop = byId('drop');
  const mark = (on) => drop.classList.toggle('over', on);
  byId('file').addEventListener('change', (event) => {
    if (event.target.files.length > 0) {
      decodeFile(event.target.files[0]);
      event.target.value = ''; // so that the same file can be chosen again
    }
  });
  byId('hex-form').addEventListener('submit', (event) => {
    event.preventDefault();
    decode('Pasted bytes', async () => fromHex(byId('hex').value));
  });
  // Anywhere on the page: who misses the field must not lose the page to the browser's own viewer.
  window.addEventListener('dragover', (event) => {
    event.preventDefault();
    mark(true);
  });
  window.addEventListener('dragleave', (event) => event.relatedTarget === null && mark(false));
  window.addEventListener('drop', (event) => {
    event.preventDefault();
    mark(false);
    if (event.dataTransfer.files.length > 0) {
      location.hash = '#decode';
      decodeFile(event.dataTransfer.files[0]);
    }
  });
}
