// What the gateway says, as it says it. Owns the connection: listens to /events, asks for /state at
// each digest, tells when the connection is lost and found again, and notices that the process on
// the other side is a new one, whose counters began again.
//
// Events, as CustomEvents with `detail`: "digest", "finished", "skipped", "state" (the JSON of the
// answer), "restart", "link" ({ live, since }: since when it is so, in milliseconds since 1970).

import { getJson } from './api.js';

const RETRY_MS = 1000;
const SILENCE_MS = 4000; // digests come each second
const SAME_START_S = 2; // the clocks of two answers differ by less, unless the process is another

export class Feed extends EventTarget {
  constructor() {
    super();
    this.live = null;
    this.started = null; // when the process started, seconds since 1970
    this.fetching = false;
  }

  start() {
    this.connect();
    setInterval(() => this.checkSilence(), RETRY_MS);
    document.addEventListener('visibilitychange', () => document.hidden || this.refresh());
  }

  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  connect() {
    this.heard = Date.now();
    this.source = new EventSource('events');
    for (const name of ['digest', 'finished', 'skipped']) {
      this.source.addEventListener(name, (event) => this.onEvent(name, JSON.parse(event.data)));
    }
    this.source.onerror = () => {
      this.source.close();
      this.setLive(false);
    };
  }

  onEvent(name, detail) {
    this.heard = Date.now();
    if (name === 'digest') {
      this.checkProcess(detail);
      this.setLive(true);
    }
    this.tell(name, detail);
    if (name === 'digest' && !document.hidden) {
      this.refresh();
    }
  }

  /** A new process has a new start; its counters and exchange ids begin again. */
  checkProcess({ time, uptime_seconds: uptime }) {
    const started = time - uptime;
    if (this.started !== null && Math.abs(started - this.started) > SAME_START_S) {
      this.tell('restart', { started });
    }
    this.started = started;
  }

  setLive(live) {
    if (this.live !== live) {
      this.live = live;
      this.tell('link', { live, since: Date.now() });
    }
  }

  checkSilence() {
    const closed = this.source.readyState === EventSource.CLOSED;
    if (closed || Date.now() - this.heard > SILENCE_MS) {
      this.source.close();
      this.setLive(false);
      this.connect();
    }
  }

  /** Asks for the whole state, one request at a time. */
  async refresh() {
    if (this.fetching) {
      return;
    }
    this.fetching = true;
    try {
      const state = await getJson('state', AbortSignal.timeout(10 * RETRY_MS));
      this.checkProcess(state);
      this.tell('state', state);
    } catch {
      // The events say whether the gateway is there; the next digest asks again.
    } finally {
      this.fetching = false;
    }
  }
}
