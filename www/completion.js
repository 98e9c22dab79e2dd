// What could stand at a place in a line of human strings. A pure function over the vocabulary, and
// the list that offers it below the caret of a text area.

import { element, setChildren } from './dom.js';

const FIELDS = 6; // request id, stream id, stream flags, type, flags, payload
const MOST = 12; // offers at once

const byWire = (a, b) => a.name.length - b.name.length || (a.name < b.name ? -1 : 1);

/** The payload that asks for a command with these arguments, in canonical order. */
function requestLiteral(command, argumentsGiven) {
  const pairs = [...argumentsGiven].sort(byWire).map(({ name, example }) => `b'${name}': ${example}`);
  const args = pairs.length > 0 ? `b'args': {${pairs.join(', ')}}, ` : '';
  return `cbor:{${args}b'name': b'${command.name}'}`;
}

function payloads({ commands }) {
  return commands.flatMap((command) => {
    const least = requestLiteral(command, command.arguments.filter(({ required }) => required));
    const all = requestLiteral(command, command.arguments);
    return [...new Set([least, all])].map((text) => ({ text, hint: command.name }));
  });
}

function requestIds(earlier) {
  const used = earlier.map((line) => parseInt(line, 10)).filter(Number.isInteger);
  const next = used.length > 0 ? Math.max(...used) + 2 : 1;
  return [...new Set([next, ...used.slice(-1)])].map((id) => ({ text: String(id), hint: used.includes(id) ? 'the same request' : 'a new request' }));
}

const named = ({ name, bit, number }) => ({ text: name, hint: String(bit ?? number) });
const none = { text: '0', hint: 'none' };

function offers(field, fields, earlier, vocabulary) {
  switch (field) {
    case 0:
      return requestIds(earlier);
    case 1:
      return [{ text: '1', hint: 'the stream of most clients' }];
    case 2:
      return [...vocabulary.stream_flags.map(named), none];
    case 3:
      return vocabulary.frame_types.map(named);
    case 4:
      return [...(vocabulary.frame_types.find(({ name }) => name === fields[3])?.flags ?? []).map(named), none];
    default:
      return payloads(vocabulary);
  }
}

/** { from, items: [{ text, hint }] }: what could replace text from there to the caret. */
export function completions(text, caret, vocabulary) {
  const lines = text.slice(0, caret).split('\n');
  const line = lines.pop();
  const fields = line.split(' ');
  const field = Math.min(fields.length, FIELDS) - 1;
  let word = fields.slice(field).join(' ');
  if (field === 2 || field === 4) {
    word = word.slice(word.lastIndexOf('|') + 1);
  }
  const fits = field === FIELDS - 1
    ? (offer) => offer.text.startsWith(word) || (word !== '' && offer.hint.startsWith(word))
    : (offer) => offer.text.startsWith(word);
  const items = offers(field, fields, lines, vocabulary).filter((offer) => fits(offer) && offer.text !== word);
  return { from: caret - word.length, word, last: field === FIELDS - 1, items: items.slice(0, MOST) };
}

/** Offers completions at the caret of a text area, in a list that the area controls. */
export class Completer {
  constructor(area, list) {
    this.area = area;
    this.list = list;
    this.vocabulary = null;
    this.close();
    area.addEventListener('input', (event) => this.onInput(event));
    area.addEventListener('keydown', (event) => this.onKey(event));
    area.addEventListener('blur', () => this.close());
    area.addEventListener('scroll', () => this.close());
    area.addEventListener('click', () => this.close());
    // Not click: the area would lose the focus first.
    list.addEventListener('mousedown', (event) => {
      event.preventDefault();
      const item = event.target.closest('[role=option]');
      if (item) {
        this.take(Number(item.dataset.place));
      }
    });
  }

  get isOpen() {
    return !this.list.hidden;
  }

  close() {
    this.list.hidden = true;
    this.area.removeAttribute('aria-activedescendant');
  }

  onInput(event) {
    if (event.inputType === 'insertLineBreak' || !this.vocabulary) {
      this.close();
      return;
    }
    this.offer(false);
  }

  /** asked: also where nothing has been typed yet. */
  offer(asked) {
    const { value, selectionStart, selectionEnd } = this.area;
    if (!this.vocabulary || selectionStart !== selectionEnd) {
      return;
    }
    this.found = completions(value, selectionStart, this.vocabulary);
    if (this.found.items.length === 0 || (!asked && this.found.word === '')) {
      this.close();
      return;
    }
    setChildren(this.list, this.found.items.map(({ text, hint }, place) =>
      element('li', { role: 'option', id: `completion-${place}`, 'data-place': place },
        element('span', { text }), element('span', { class: 'muted', text: hint }))));
    this.list.hidden = false;
    this.mark(0);
    this.place();
  }

  mark(place) {
    this.marked = place;
    [...this.list.children].forEach((item, at) => {
      item.setAttribute('aria-selected', String(at === place));
    });
    this.area.setAttribute('aria-activedescendant', `completion-${place}`);
    this.list.children[place].scrollIntoView({ block: 'nearest' });
  }

  /** Below the caret; the text is monospaced and not wrapped, so the place can be counted. */
  place() {
    const { area, list } = this;
    const style = getComputedStyle(area);
    const before = area.value.slice(0, this.found.from).split('\n');
    const lineHeight = parseFloat(style.lineHeight);
    const context = document.createElement('canvas').getContext('2d');
    context.font = style.font;
    const left = parseFloat(style.paddingLeft) + context.measureText(before.at(-1)).width - area.scrollLeft;
    const room = area.clientWidth - list.offsetWidth;
    list.style.left = `${Math.max(0, Math.min(left, room))}px`;
    list.style.top = `${parseFloat(style.paddingTop) + before.length * lineHeight - area.scrollTop + 4}px`;
  }

  take(place) {
    const { text } = this.found.items[place];
    this.area.setRangeText(text + (this.found.last ? '' : ' '), this.found.from, this.area.selectionStart, 'end');
    this.close();
    this.offer(true);
  }

  onKey(event) {
    if (event.key === ' ' && event.ctrlKey) {
      event.preventDefault();
      this.offer(true);
      return;
    }
    if (!this.isOpen || event.ctrlKey || event.altKey || event.metaKey) {
      return;
    }
    const count = this.found.items.length;
    const actions = {
      ArrowDown: () => this.mark((this.marked + 1) % count),
      ArrowUp: () => this.mark((this.marked + count - 1) % count),
      Enter: () => this.take(this.marked),
      Escape: () => this.close(),
    };
    if (event.key in actions) {
      event.preventDefault();
      actions[event.key]();
    }
  }
}
