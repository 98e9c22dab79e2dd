// The overview: numbers move under traffic, and each equals the JSON's at the same moment.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { API, Gateway, close, frames, launch, open, picture, until } from './support.mjs';

let gateway;
let browser;

before(async () => {
  gateway = await Gateway.start('--max-frame', '2000');
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await gateway?.close();
});

/** All numbers of the server's that the page shows, and of which moment they are. */
function shownNumbers(page) {
  return page.evaluate(() => ({
    moment: document.documentElement.dataset.moment,
    numbers: [...document.querySelectorAll('[data-key]')].map(({ dataset, textContent, title }) =>
      ({ key: dataset.key, value: dataset.value, text: textContent, title })),
  }));
}

function valueAt(state, key) {
  const value = key.split('.').reduce((inner, name) => inner?.[name], state);
  return value === null || value === undefined ? '' : String(value);
}

/** Traffic with everything in it, until stopped. */
function startTraffic() {
  let going = true;
  const heads = frames("1 1 stream-begin command-request new cbor:{b'name': b'heads'}");
  const wrong = frames('1 1 stream-begin bytes-response eos x');
  const unknown = frames("1 1 stream-begin command-request new cbor:{b'args': {b'key': b'nowhere'}, b'name': b'lookup'}");
  const tooLong = frames(`1 1 stream-begin command-request new ${'x'.repeat(3000)}`);
  const done = (async () => {
    while (going) {
      for (const [target, body] of [['heads', heads], ['heads', wrong], ['lookup', unknown], ['multirequest', tooLong]]) {
        await gateway.ask(`${API}/ro/${target}`, body);
      }
      await new Promise((resolve) => {
        setTimeout(resolve, 10);
      });
    }
  })();
  return async () => {
    going = false;
    await done;
  };
}

test('every number equals the JSON of the same moment, under traffic', async () => {
  const answers = new Map();
  const page = await open(browser, gateway, {
    prepare: (fresh) => fresh.on('response', async (response) => {
      if (new URL(response.url()).pathname === '/state') {
        const state = await response.json().catch(() => null);
        answers.set(String(state?.uptime_seconds), state);
      }
    }),
  });
  const stop = startTraffic();
  const moments = new Set();
  while (moments.size < 4) {
    const { moment, numbers } = await until('numbers of another moment', async () => {
      const shown = await shownNumbers(page);
      return !moments.has(shown.moment) && shown;
    });
    const state = await until('the JSON of that moment', () => answers.get(moment));
    moments.add(moment);
    assert.ok(numbers.length > 80, `only ${numbers.length} numbers`);
    for (const { key, value, text, title } of numbers) {
      assert.equal(value, valueAt(state, key), key);
      // What is rounded for the eye has the exact number as its title.
      assert.ok(value === '' ? text === '–' : text.replaceAll(',', '') === value || title === value || text.replace(/[^0-9]/g, '') === value, `${key}: ${text} for ${value}`);
    }
  }
  await stop();
  const { totals, limits, commands } = [...answers.values()].at(-1);
  // The traffic was what the test needs.
  assert.ok(totals.protocol_errors > 0 && totals.command_errors > 0 && commands.heads.runs > 0);
  assert.ok(Object.values(limits).some(({ hits }) => hits > 0));
  await close(page);
});

test('numbers, charts and verdict follow the traffic', async () => {
  const page = await open(browser, gateway);
  const requests = async () => Number(await page.locator('[data-key="totals.requests"]').getAttribute('data-value'));
  const had = (await gateway.state()).totals.requests;
  await gateway.askHeads(50);
  await until('50 requests more', async () => (await requests()) >= had + 50);
  const drawn = () => page.evaluate(() => [...document.querySelectorAll('.tile canvas')].map((canvas) =>
    canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value !== 0)));
  assert.deepEqual(await drawn(), [true, true, true, true]);
  await until('a rate', async () => /^[1-9]/.test(await page.locator('.tile .figure').first().textContent()));
  for (let i = 0; i < 10; i++) {
    await gateway.ask(`${API}/ro/heads`, frames('1 1 stream-begin bytes-response eos x'));
  }
  await until('a reason', async () => (await page.locator('#reasons li').count()) > 0);
  assert.equal(await page.locator('#health-word').textContent(), 'Needs a look');
  await picture(page, 'overview', { fullPage: true });
  await close(page);
});

test('the repository card says what the repository is', async () => {
  const page = await open(browser, gateway);
  const { repository } = await gateway.state();
  const card = await page.locator('#repository').textContent();
  assert.ok(card.includes(repository.path) && card.includes(repository.tip.node));
  await close(page);
});
