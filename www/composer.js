// The composer: human strings in, sent to the gateway's own public address by the admin listener,
// and the reply's frames.

import { getJson, postForBytes, postForJson } from './api.js';
import { Completer } from './completion.js';
import { byId, element, setChildren, setText } from './dom.js';
import { bytes, count, duration } from './format.js';
import { FrameTable, entriesOf } from './frametable.js';

const FIND_TRIES = 8; // times to look for our own exchange among those of the gateway
const FIND_MS = 250;

/** The field that says who asks: a user with a password, or a token; null for nobody. */
function authorization(user, secret) {
  if (user !== '') {
    const bytesOfBoth = new TextEncoder().encode(`${user}:${secret}`);
    return `Basic ${btoa(String.fromCharCode(...bytesOfBoth))}`;
  }
  return secret !== '' ? `Bearer ${secret}` : null;
}

export class Composer {
  /** findExchange(peer) resolves to the id of the newest exchange with that peer, or null. */
  constructor({ findExchange }) {
    this.findExchange = findExchange;
    this.area = byId('frames');
    this.completer = new Completer(this.area, byId('completions'));
    byId('composer').addEventListener('submit', (event) => {
      event.preventDefault();
      this.run(() => this.send());
    });
    byId('preview').addEventListener('click', () => this.run(() => this.preview()));
    byId('example').addEventListener('change', (event) => this.useExample(event.target.value));
    this.area.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && event.ctrlKey) {
        event.preventDefault();
        byId('composer').requestSubmit();
      }
    });
  }

  /** Loads names and examples, once. */
  async prepare() {
    if (this.vocabulary) {
      return;
    }
    this.vocabulary = await getJson('vocabulary');
    this.completer.vocabulary = this.vocabulary;
    const { examples, commands } = this.vocabulary;
    byId('example').append(...examples.map(({ title }, place) => element('option', { value: place, text: title })));
    const paths = [...new Set([...commands, ...examples].map(({ path }) => path))];
    setChildren(byId('paths'), paths.map((value) => element('option', { value })));
    if (this.area.value === '' && examples.length > 0) {
      byId('example').value = '0';
      this.useExample(0);
    }
  }

  useExample(place) {
    const example = this.vocabulary.examples[Number(place)];
    if (place !== '' && example) {
      byId('path').value = example.path;
      this.area.value = example.text;
      this.showError(null);
    }
  }

  showState({ listeners }) {
    const { address, tls } = listeners.find(({ name }) => name === 'public') ?? {};
    setText(byId('public-address'), address ? `${tls ? 'https' : 'http'}://${address}` : '');
  }

  /** Says what is wrong with the text, and puts the caret there. */
  showError(error) {
    setText(byId('frames-error'), error ? describePlace(error) : '');
    if (error) {
      this.area.setAttribute('aria-invalid', 'true');
    } else {
      this.area.removeAttribute('aria-invalid');
    }
    if (error?.line) {
      const before = this.area.value.split('\n').slice(0, error.line - 1);
      const start = before.reduce((sum, line) => sum + line.length + 1, 0) + (error.column ?? 1) - 1;
      this.area.focus();
      this.area.setSelectionRange(start, start);
    }
  }

  async run(work) {
    const buttons = [byId('send'), byId('preview')];
    this.showError(null);
    buttons.forEach((button) => button.setAttribute('aria-disabled', 'true'));
    try {
      await work();
    } catch (error) {
      this.showError(error.place ?? { message: error.message });
    } finally {
      buttons.forEach((button) => button.removeAttribute('aria-disabled'));
    }
  }

  async send() {
    const headers = { 'Content-Type': 'text/plain' };
    const credentials = authorization(byId('user').value, byId('secret').value);
    if (credentials !== null) {
      headers['X-Framegate-Authorization'] = credentials;
    }
    const path = encodeURIComponent(byId('path').value);
    const answer = await postForJson(`send?path=${path}`, this.area.value, headers);
    if (answer.status === undefined) {
      this.showError(answer.error);
    } else {
      this.showReply(answer);
      await this.linkExchange(answer.local);
    }
  }

  async preview() {
    const sent = await postForBytes('encode', this.area.value);
    const { frames } = await postForJson('decode', sent);
    setText(byId('title-reply'), `What would be sent: ${bytes(sent.length)}`);
    byId('reply').replaceChildren();
    new FrameTable(byId('reply'), { log: false, caption: 'Frames that would be sent' }).show(entriesOf(frames));
    byId('title-reply').focus({ preventScroll: true });
  }

  showReply(answer) {
    const good = answer.status < 400;
    setText(byId('title-reply'), 'Reply');
    this.link = element('span');
    const box = byId('reply');
    box.replaceChildren(
      element('p', { class: 'status-line' },
        element('span', { class: 'outcome', 'data-level': good ? 'good' : 'bad', text: String(answer.status) }),
        ` in ${duration(answer.seconds)}, ${bytes(answer.sent_bytes)} sent, ${bytes(answer.received_bytes)} received. `, this.link),
      element('details', {}, element('summary', { text: `${count(answer.headers.length)} header fields` }),
        element('dl', { class: 'headers mono' }, ...answer.headers.map(({ name, value }) =>
          element('div', {}, element('dt', { text: name }), element('dd', { text: value }))))));
    if (answer.cut) {
      box.append(element('p', { class: 'muted', text: 'The reply is longer than what is shown here.' }));
    }
    if (answer.frames?.length > 0) {
      new FrameTable(box, { log: false, caption: 'Frames of the reply' }).show(entriesOf(answer.frames));
    } else if (answer.frames) {
      box.append(element('p', { class: 'muted', text: 'No frames.' }));
    }
    if (answer.error) {
      box.append(element('p', { class: 'wrong-box', text: describePlace(answer.error) }));
    }
    if (answer.text !== null) {
      box.append(element('pre', { class: 'said', tabindex: 0, text: answer.text }));
    }
    byId('title-reply').focus({ preventScroll: true });
  }

  /** The exchange that this was, so that one sees what the reactor made of it. */
  async linkExchange(peer) {
    const { link } = this;
    for (let tries = 0; tries < FIND_TRIES; tries++) {
      const id = await this.findExchange(peer);
      if (id !== null) {
        link.replaceChildren(element('a', { href: `#exchanges/${id}`, text: 'What the reactor made of it' }));
        return;
      }
      await new Promise((resolve) => {
        setTimeout(resolve, FIND_MS);
      });
    }
  }
}

/** What is wrong, and where. */
export function describePlace({ message, line, column, frame, offset }) {
  if (line !== undefined) {
    return `Line ${line}${column !== undefined ? `, column ${column}` : ''}: ${message}`;
  }
  if (frame !== undefined) {
    return `Frame ${frame}${offset !== undefined ? `, at byte ${count(offset)}` : ''}: ${message}`;
  }
  return message;
}
