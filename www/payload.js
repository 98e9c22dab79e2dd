// A payload for reading: one line of it, its CBOR as a tree that opens and closes, and its bytes.
// Everything here came from a peer; it becomes text nodes only.

import { element } from './dom.js';
import { bytes, plural } from './format.js';

const LINE_CHARACTERS = 240; // of a payload in a table's row
const ITEMS_AT_ONCE = 100; // of a list or map; the rest on request
const OPEN_DEPTH = 2; // levels of a tree that are open at first
const OPEN_ITEMS = 12; // longer ones start closed
const HEX_ROW = 16;
const HEX_ROWS_AT_ONCE = 64;

function cut(text) {
  return text.length > LINE_CHARACTERS ? `${text.slice(0, LINE_CHARACTERS)}…` : text;
}

function characterOf(byte) {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·';
}

function bytesOf(hex) {
  return Array.from({ length: hex.length / 2 }, (_, place) => parseInt(hex.slice(2 * place, 2 * place + 2), 16));
}

/** The payload in one line: what it says, else its CBOR, else its bytes as characters. */
export function payloadLine(frame) {
  const said = frame.message ?? frame.text ?? frame.literal;
  if (said !== undefined) {
    return cut(said);
  }
  return cut(bytesOf(frame.payload.slice(0, 2 * LINE_CHARACTERS + 2)).map(characterOf).join(''));
}

/** Appends make(item) for each item to box, some at once, the rest behind a button. */
function appendSome(box, items, atOnce, make) {
  let shown = 0;
  const more = element('button', { type: 'button', class: 'small', onclick: () => next() });
  const next = () => {
    const had = shown;
    shown = Math.min(items.length, shown + atOnce);
    const added = items.slice(had, shown).map((item, place) => make(item, had + place));
    more.remove();
    box.append(...added);
    if (shown < items.length) {
      more.textContent = `${plural(items.length - shown, 'more item')}: show ${Math.min(atOnce, items.length - shown)}`;
      box.append(element(box.tagName === 'UL' ? 'li' : 'div', {}, more));
    }
    if (had > 0) {
      added[0]?.setAttribute('tabindex', '-1');
      added[0]?.focus();
    }
  };
  next();
}

/* -- CBOR ----------------------------------------------------------------------------------------- */

const leaves = {
  integer: ({ value }) => value,
  float: ({ value }) => value,
  text: ({ value }) => JSON.stringify(value),
  bytes: ({ hex, text }) => (text !== undefined ? `b${JSON.stringify(text)}` : hex || 'b""'),
  bool: ({ value }) => String(value),
  null: () => 'null',
  undefined: () => 'undefined',
  simple: ({ value }) => `simple(${value})`,
};

function leaf(value) {
  const size = value.kind === 'bytes' ? ` ${bytes(value.hex.length / 2)}` : '';
  return element('span', { class: `cbor-${value.kind}`, title: `${value.kind}${size}` },
    (leaves[value.kind] ?? (() => value.kind))(value));
}

function branch(label, word, children, depth, make) {
  const list = element('ul', { class: 'tree' });
  const head = element('summary', {}, label, element('span', { class: 'muted', text: plural(children.length, word) }));
  const details = element('details', { open: depth < OPEN_DEPTH && children.length <= OPEN_ITEMS }, head, list);
  // Filled when it is opened first: a tree may have hundreds of thousands of items.
  const fill = () => list.childElementCount > 0 || appendSome(list, children, ITEMS_AT_ONCE, make);
  details.addEventListener('toggle', fill);
  if (details.open) {
    fill();
  }
  return details;
}

function node(label, value, depth) {
  if (value.kind === 'list') {
    return branch(label, 'item', value.items, depth, (item, place) =>
      element('li', {}, node(element('span', { class: 'cbor-key muted', text: `${place}: ` }), item, depth + 1)));
  }
  if (value.kind === 'map') {
    return branch(label, 'pair', value.entries, depth, (entry) =>
      element('li', {}, node(keyOf(entry.key, depth), entry.value, depth + 1)));
  }
  if (value.kind === 'tag') {
    return node(element('span', {}, label, element('span', { class: 'muted', text: `tag ${value.tag} ` })), value.value, depth);
  }
  return element('span', {}, label, leaf(value));
}

function keyOf(key, depth) {
  const compound = ['list', 'map', 'tag'].includes(key.kind);
  const shown = compound ? node('', key, depth + 1) : leaf(key);
  shown.classList.add('cbor-key');
  return element('span', {}, shown, ': ');
}

/* -- bytes ------------------------------------------------------------------------------------------ */

function hexRow(row, offset) {
  const pairs = row.map((byte) => byte.toString(16).padStart(2, '0'));
  const left = pairs.slice(0, HEX_ROW / 2).join(' ');
  const right = pairs.slice(HEX_ROW / 2).join(' ');
  const text = `${offset.toString(16).padStart(4, '0')}  ${left.padEnd(23)}  ${right.padEnd(23)}  ${row.map(characterOf).join('')}`;
  return element('div', { text });
}

function hexDump(hex) {
  const all = bytesOf(hex);
  const rows = [];
  for (let offset = 0; offset < all.length; offset += HEX_ROW) {
    rows.push(all.slice(offset, offset + HEX_ROW));
  }
  const box = element('div', { class: 'hex mono', tabindex: 0, role: 'region', 'aria-label': 'Bytes' });
  appendSome(box, rows, HEX_ROWS_AT_ONCE, (row, place) => hexRow(row, place * HEX_ROW));
  return box;
}

/** Everything about a payload: a list of elements. */
export function payloadDetails(frame, { cut: wasCut, withheld } = {}) {
  const parts = [];
  if (withheld) {
    parts.push(element('p', { class: 'muted', text: 'Not kept: the request has an argument whose name looks secret.' }));
  }
  if (frame.human !== undefined) {
    parts.push(element('h4', { text: 'Human string' }), element('p', { class: 'human mono', text: frame.human }));
  }
  if (frame.message ?? frame.text) {
    parts.push(element('h4', { text: 'Text' }), element('p', { class: 'said', text: frame.message ?? frame.text }));
  }
  if (frame.tree !== undefined) {
    parts.push(element('h4', { text: 'CBOR' }), element('div', { class: 'mono cbor' }, node('', frame.tree, 0)));
  }
  if (frame.payload !== '') {
    const kept = frame.payload.length / 2;
    const title = wasCut ? `First ${bytes(kept)} of ${bytes(frame.length)}` : `Bytes (${bytes(kept)})`;
    parts.push(element('h4', { text: title }), hexDump(frame.payload));
  }
  return parts;
}
