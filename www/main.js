// Starts the page and connects its parts: the feed says what happened, the parts show it.
//
//   feed ── digest ──> history ─┐
//     ├──── state ──────────────┴─> overview, commands, limits, cards
//     ├──── finished, state ──────> list of exchanges ──> router ──> one exchange
//     └──── link, restart ────────> notice

import { makeCommands } from './commands.js';
import { Composer } from './composer.js';
import { startDecoder } from './decoder.js';
import { byId, oncePerPicture } from './dom.js';
import { ExchangeDetail } from './exchangedetail.js';
import { ExchangeList } from './exchangelist.js';
import { makeCards } from './facts.js';
import { Feed } from './feed.js';
import { clock } from './format.js';
import { History } from './history.js';
import { makeLimits } from './limits.js';
import { Notice } from './notice.js';
import { makeOverview, showNoConnection } from './overview.js';
import { startRouter } from './router.js';

const feed = new Feed();
const history = new History();
const notice = new Notice(byId('notice'));
const list = new ExchangeList({ onOpen: (id) => { location.hash = `#exchanges/${id}`; } });
const detail = new ExchangeDetail({ known: (id) => list.find(id) });
const composer = new Composer({ findExchange });
const panels = [makeOverview(history), makeCommands(history), makeLimits(history), makeCards()];

let state = null;
let view = { name: 'overview' };

async function findExchange(peer) {
  await feed.refresh();
  return list.findByPeer(peer)?.id ?? null;
}

const draw = oncePerPicture(() => {
  if (state === null || history.last === null) {
    return;
  }
  panels.forEach((show) => show(state));
  // Which view of the server these numbers are, for whoever compares them with the JSON.
  document.documentElement.dataset.moment = String(state.uptime_seconds);
});

async function showView(next) {
  view = next;
  if (view.name === 'exchanges') {
    const number = Number(view.argument);
    const id = Number.isInteger(number) && number > 0 ? number : null;
    byId('view-exchanges').classList.toggle('has-detail', id !== null);
    if (view.argument === 'failed') {
      list.setWhich('failed');
    }
    list.setChosen(id);
    await detail.open(id);
  } else if (view.name === 'compose') {
    await composer.prepare().catch((error) => composer.showError({ message: error.message }));
  }
}

feed.addEventListener('digest', ({ detail: digest }) => history.add(digest));
feed.addEventListener('finished', ({ detail: exchange }) => list.add(exchange));
feed.addEventListener('skipped', () => list.skip());
feed.addEventListener('state', ({ detail: answer }) => {
  state = answer;
  list.showState(answer);
  composer.showState(answer);
  draw();
});
feed.addEventListener('restart', ({ detail: { started } }) => {
  history.restart();
  list.restart();
  notice.say(`The gateway was started again at ${clock(started).slice(0, 8)}; its counters began again.`);
});
feed.addEventListener('link', ({ detail: { live } }) => {
  document.documentElement.dataset.live = String(live);
  if (live) {
    notice.found();
  } else {
    notice.lost();
    showNoConnection();
  }
});

byId('skip').addEventListener('click', (event) => {
  // The address says which view is shown; the link must not change it.
  event.preventDefault();
  byId('content').focus();
});
startDecoder();
startRouter(showView);
feed.start();
