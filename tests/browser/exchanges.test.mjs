// The list of exchanges and what one of them shows.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { API, Gateway, close, frames, launch, open, picture, until } from './support.mjs';

let gateway;
let browser;

before(async () => {
  gateway = await Gateway.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await gateway?.close();
});

/** Opens the exchange that the list shows with this text. */
async function choose(page, text) {
  await page.locator('.list-space .exchange', { hasText: text }).first().click();
  await page.locator('#title-detail').waitFor();
}

test('a failed exchange shows the frame and the message that the reactor gave', async () => {
  await gateway.askHeads(3);
  const sent = frames("1 1 stream-begin command-request new|have-data cbor:{b'name': b'heads'}", '3 1 0 bytes-response eos surprise');
  assert.equal((await gateway.ask(`${API}/ro/heads`, sent)).status, 400);
  const { message } = await gateway.failedExchange();
  const page = await open(browser, gateway, { hash: 'exchanges' });
  await page.selectOption('#which', 'failed');
  await choose(page, message);
  assert.equal(await page.locator('.wrong-box .message').textContent(), message);
  await page.getByRole('button', { name: 'Show where it went wrong' }).click();
  const row = page.locator('tr.frame-in.bad');
  assert.equal(await row.locator('.c-type').textContent(), 'bytes-response');
  assert.equal(await row.locator('.c-request').textContent(), '3');
  assert.equal(await row.locator('.c-reactor').textContent(), 'error → errored');
  assert.equal(await page.locator('tr.wrong .message').textContent(), message);
  assert.equal(await page.evaluate(() => document.activeElement.className), 'bad frame-in');
  // The frame before it was in order.
  assert.match(await page.locator('tr.frame-in').first().locator('.c-reactor').textContent(), /command-receiving$/);
  await page.locator('tr.frame-in button.payload').first().click();
  assert.match(await page.locator('tr.details .cbor').textContent(), /b"name": b"heads"/);
  await picture(page, 'exchange', { fullPage: true });
  await close(page);
});

test('a failure is found behind many that went well, and a command that failed is one', async () => {
  await gateway.ask(`${API}/ro/lookup`, frames("1 1 stream-begin command-request new cbor:{b'args': {b'key': b'nowhere'}, b'name': b'lookup'}"));
  await gateway.askHeads(300);
  const page = await open(browser, gateway, { hash: 'exchanges/failed' });
  assert.equal(await page.inputValue('#which'), 'failed');
  await choose(page, "unknown revision 'nowhere'");
  await page.getByRole('button', { name: 'Show where it went wrong' }).click();
  assert.match(await page.evaluate(() => document.activeElement.textContent), /error-response.*unknown revision/);
  assert.match(await page.locator('#detail dl').textContent(), /lookup \(1, 1 answered with an error\)/);
  await close(page);
});

test('a classic request says why it has no frames', async () => {
  const { status } = await fetch(`http://${gateway.listen}/?cmd=nonsense`);
  assert.equal(status, 404);
  const page = await open(browser, gateway, { hash: 'exchanges' });
  await choose(page, 'cmd=nonsense');
  await page.locator('#detail', { hasText: 'A request of the classic transport (?cmd=…) has no frames' }).waitFor();
  assert.equal(await page.locator('#detail table').isVisible(), false);
  // What a command failed with is said too, though the answer's status is 200.
  assert.equal((await fetch(`http://${gateway.listen}/?cmd=lookup&key=elsewhere`)).status, 200);
  await choose(page, "unknown revision 'elsewhere'");
  await page.locator('.wrong-box .message', { hasText: "unknown revision 'elsewhere'" }).waitFor();
  await close(page);
});

test('markup from a peer is text', async () => {
  const markup = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
  await gateway.ask(`${API}/ro/heads?${encodeURIComponent(markup)}`, frames("1 1 stream-begin command-request new cbor:{b'name': b'heads'}"));
  const literal = `{b'${markup}': b'${markup}', u'<b>': u'${markup}'}`;
  await gateway.ask(`${API}/ro/lookup`, frames(`1 1 stream-begin command-request new cbor:{b'args': {b'key': ${literal}}, b'name': b'lookup'}`));
  await gateway.ask(`${API}/ro/${encodeURIComponent(markup)}`, frames(`1 1 stream-begin command-request new ${markup}`));
  await gateway.ask(`${API}/ro/multirequest`, frames(`1 1 stream-begin command-request new cbor:{b'name': b'${markup}'}`));
  const { finished } = await gateway.state();
  const page = await open(browser, gateway, { hash: 'exchanges' });
  let said = '';
  for (const { id } of finished.slice(0, 4)) {
    await page.goto(`${gateway.url}/#exchanges/${id}`);
    await page.locator('#title-detail', { hasText: `Exchange ${id}` }).waitFor();
    for (const button of await page.locator('button.payload').all()) {
      await button.click();
    }
    assert.equal(await page.locator('main :is(img, script)').count(), 0);
    said += await page.locator('#detail').textContent();
  }
  assert.ok(said.split(markup).length > 5, said);
  assert.doesNotMatch(await page.title(), /^[12]$/);
  await close(page);
});

test('an exchange in flight is followed until it ends', async () => {
  const { connect } = await import('node:net');
  const [host, port] = gateway.listen.split(':');
  const beginning = '1 1 stream-begin command-request new|more \\xa1Dna';
  const body = frames(beginning, '1 1 0 command-request continuation meEheads');
  const first = frames(beginning).length;
  const socket = connect(port, host);
  socket.write(`POST ${API}/ro/heads HTTP/1.1\r\nHost: x\r\nAccept: application/mercurial-exp-framing-0003\r\n` +
    `Content-Type: application/mercurial-exp-framing-0003\r\nContent-Length: ${body.length}\r\n\r\n`);
  socket.write(body.subarray(0, first));
  const page = await open(browser, gateway, { hash: 'exchanges' });
  await page.selectOption('#which', 'live');
  await choose(page, 'waits for: body');
  await page.locator('#detail', { hasText: 'receives request 1' }).waitFor();
  assert.equal(await page.locator('tr.frame-in').count(), 1);
  socket.end(body.subarray(first));
  await page.locator('tr.input-end').waitFor();
  assert.equal(await page.locator('#title-detail .outcome[data-level="live"]').count(), 0);
  socket.destroy();
  await close(page);
});

test('the list can be filtered and paused', async () => {
  const page = await open(browser, gateway, { hash: 'exchanges' });
  await gateway.askHeads(2);
  const count = () => page.locator('#list-count').textContent();
  await page.locator('.list-space .exchange', { hasText: 'heads' }).first().waitFor();
  await page.fill('#filter', 'no such exchange');
  await until('nothing is left', async () => (await count()).startsWith('0 of'));
  await page.fill('#filter', 'HEADS 200');
  await until('some are left', async () => /^[1-9]/.test(await count()));
  await page.fill('#filter', '');
  await page.getByRole('button', { name: 'Pause' }).click();
  await until('it says so', async () => (await count()).includes('paused'));
  const had = await count();
  await gateway.askHeads(5);
  const { totals } = await gateway.state();
  await page.waitForFunction((requests) => Number(document.querySelector('[data-key="totals.requests"]').dataset.value) >= requests, totals.requests);
  assert.equal(await count(), had);
  await page.getByRole('button', { name: 'Resume' }).click();
  await until('the new ones are there', async () => (await count()) !== had && !(await count()).includes('paused'));
  await close(page);
});

test('10,000 finished exchanges are a few elements', async () => {
  await gateway.askHeads(1);
  const example = (await gateway.state()).finished[0];
  const many = Array.from({ length: 10500 }, (_, place) => ({ ...example, id: 1000000 + place, start: example.start + place, target: `/number/${place}`, commands: '-' }));
  const text = many.map((exchange) => `event: finished\ndata: ${JSON.stringify(exchange)}\n\n`).join('');
  const page = await open(browser, gateway, {
    hash: 'exchanges',
    // Once instead of the gateway, which does not tell of so many in a short time.
    prepare: (fresh) => fresh.route('**/events', (route) => route.fulfill({ contentType: 'text/event-stream', body: text }), { times: 1 }),
  });
  const count = () => page.locator('#list-count').textContent();
  await until('all are there', async () => /10,0\d\d exchanges/.test(await count()));
  const elements = () => page.locator('.list-space .exchange').count();
  assert.ok((await elements()) < 80, 'rows in sight only');
  await page.locator('.list-space .exchange[tabindex="0"]').focus();
  await page.keyboard.press('End');
  await page.locator('.list-space .exchange:focus', { hasText: '/number/' }).waitFor();
  assert.ok((await elements()) < 80, 'rows in sight only');
  const oldest = await page.locator('.list-space .exchange:focus .x-what').textContent();
  const place = Number(oldest.split('/').pop());
  assert.ok(place > 400 && place < 600, `the oldest were let go: ${place}`);
  await page.fill('#filter', '/number/9999');
  await until('one is left', async () => (await count()).startsWith('1 of'));
  await page.fill('#filter', '');
  await until('all are left', async () => /^10,0\d\d exchanges/.test(await count()));
  const slowest = await page.evaluate(slowestPictureOfScrolling);
  console.log(`10,000 exchanges: slowest picture while scrolling ${Math.round(slowest)} ms`);
  await close(page);
});

/** In the page: scrolls through the list, and gives the longest time between two pictures. */
async function slowestPictureOfScrolling() {
  const list = document.getElementById('list');
  let slowest = 0;
  let last = performance.now();
  for (let step = 0; step < 60; step++) {
    list.scrollTop = (list.scrollHeight * step) / 60;
    await new Promise((resolve) => {
      requestAnimationFrame(resolve);
    });
    slowest = Math.max(slowest, performance.now() - last);
    last = performance.now();
  }
  return slowest;
}
