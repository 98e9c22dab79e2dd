// The page is for everyone: keyboard alone, screen reader, light and dark, small and large screens,
// and a gateway that is started again.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { API, Gateway, close, exampleIn, frames, launch, objections, open, picture, until } from './support.mjs';

let gateway;
let browser;

before(async () => {
  gateway = await Gateway.start();
  browser = await launch();
  await gateway.askHeads(5);
  await gateway.ask(`${API}/ro/heads`, frames('1 1 stream-begin bytes-response eos x'));
});

after(async () => {
  await browser?.close();
  await gateway?.close();
});

const focused = (page) => page.evaluate(() => {
  const { activeElement: at } = document;
  return { id: at.id, text: at.textContent.trim(), hash: at.hash, role: at.getAttribute('role'), className: at.className };
});

/** Presses Tab until the focus is where it is wanted. */
async function tabTo(page, what, isThere) {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab');
    if (isThere(await focused(page))) {
      return;
    }
  }
  assert.fail(`Tab does not lead to ${what}`);
}

test('the keyboard alone is enough', async () => {
  const page = await open(browser, gateway);
  await page.keyboard.press('Tab');
  assert.equal((await focused(page)).id, 'skip');
  await page.keyboard.press('Enter');
  assert.equal((await focused(page)).id, 'content');
  await page.keyboard.press('Shift+Tab');
  assert.equal((await focused(page)).hash, '#decode');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await until('the view has the focus', async () => (await focused(page)).id === 'title-exchanges');
  await tabTo(page, 'the choice', ({ id }) => id === 'which');
  await page.keyboard.press('F');
  await tabTo(page, 'the list', ({ className }) => className === 'exchange');
  await page.keyboard.press('Enter');
  await until('the exchange has the focus', async () => (await focused(page)).id === 'title-detail');
  await tabTo(page, 'the jump', ({ text }) => text === 'Show where it went wrong');
  await page.keyboard.press('Enter');
  assert.match((await focused(page)).className, /bad/);
  await tabTo(page, 'a payload', ({ className }) => className.startsWith('payload'));
  await page.keyboard.press('Enter');
  await page.locator('tr.details').waitFor();
  // A text area is no trap.
  await page.goto(`${gateway.url}/#compose`);
  await exampleIn(page);
  await tabTo(page, 'the frames', ({ id }) => id === 'frames');
  await page.keyboard.press('Control+Enter');
  await until('the reply has the focus', async () => (await focused(page)).id === 'title-reply');
  await page.focus('#frames');
  await tabTo(page, 'the button', ({ id }) => id === 'send');
  await close(page);
});

test('arrow keys move in the list', async () => {
  const page = await open(browser, gateway, { hash: 'exchanges' });
  await page.locator('.list-space .exchange').first().waitFor();
  await page.click('#pause');
  await tabTo(page, 'the list', ({ className }) => className === 'exchange');
  const row = () => page.evaluate(() => document.activeElement.getAttribute('aria-rowindex'));
  assert.equal(await row(), '2');
  await page.keyboard.press('ArrowDown');
  assert.equal(await row(), '3');
  await page.keyboard.press('End');
  assert.equal(await row(), await page.getAttribute('#list', 'aria-rowcount'));
  await page.keyboard.press('Home');
  assert.equal(await row(), '2');
  await close(page);
});

/** Tables of frames of which a part is out of sight, and columns of the list that have no width. */
const cutOff = (page) => page.evaluate(() => [
  ...[...document.querySelectorAll('.scroll:has(.frames)')].filter((box) => box.scrollWidth > box.clientWidth),
  ...[...document.querySelectorAll('.list-space .exchange:not([hidden]) > *')].filter((cell) =>
    getComputedStyle(cell).display !== 'none' && cell.clientWidth < 40 && cell.getClientRects().length > 0),
].map((node) => `${node.className} ${node.clientWidth}`));

const screens = [
  { width: 360, height: 740, colorScheme: 'light' },
  { width: 768, height: 1000, colorScheme: 'dark' },
  { width: 1280, height: 900, colorScheme: 'light' },
  { width: 1920, height: 1080, colorScheme: 'dark' },
  { width: 2560, height: 1300, colorScheme: 'light' },
];

for (const { width, height, colorScheme } of screens) {
  test(`${width} pixels, ${colorScheme}: nothing overflows and axe-core has no objection`, async () => {
    const page = await open(browser, gateway, { viewport: { width, height }, colorScheme, reducedMotion: 'reduce' });
    const { id } = await gateway.failedExchange();
    for (const hash of ['overview', 'exchanges', `exchanges/${id}`, 'compose', 'decode']) {
      await page.goto(`${gateway.url}/#${hash}`);
      if (hash.includes('/')) {
        await page.locator('tr.bad').first().waitFor();
        await page.locator('button.payload').first().click();
      }
      if (hash === 'overview') {
        await page.locator('details summary').first().click();
      }
      assert.deepEqual(await objections(page), [], hash);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, `${hash} is wider than the screen`);
      assert.deepEqual(await cutOff(page), [], hash);
      await picture(page, `${hash.split('/').length > 1 ? 'exchange' : hash}-${width}-${colorScheme}`, { fullPage: true });
    }
    const moving = await page.evaluate(() => document.getAnimations().length);
    assert.equal(moving, 0, 'nothing moves for those who asked for that');
    await close(page);
  });
}

test('with a token, the browser asks for it and the page works as without', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'framegate-token-'));
  writeFileSync(path.join(folder, 'tokens'), `operator:${createHash('sha256').update('a token for tests').digest('hex')}\n`);
  const closed = await Gateway.start('--admin-token-file', path.join(folder, 'tokens'));
  assert.equal((await fetch(`${closed.url}/`)).status, 401);
  const page = await open(browser, closed, { httpCredentials: { username: 'operator', password: 'a token for tests' } });
  await page.goto(`${closed.url}/#compose`);
  await exampleIn(page);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('#reply .outcome', { hasText: '200' }).waitFor();
  await page.getByRole('link', { name: 'What the reactor made of it' }).click();
  await page.locator('tr.input-end').waitFor();
  await close(page);
  await closed.close();
  rmSync(folder, { recursive: true });
});

test('light and dark follow the system at once, charts too', async () => {
  const page = await open(browser, gateway, { colorScheme: 'light' });
  const colours = () => page.evaluate(() => [getComputedStyle(document.body).backgroundColor,
    window.Chart.getChart(document.querySelector('canvas')).data.datasets[0].borderColor]);
  const [lightBack, lightLine] = await colours();
  await page.emulateMedia({ colorScheme: 'dark' });
  await until('all colours are others', async () => {
    const [back, line] = await colours();
    return back !== lightBack && line !== lightLine;
  });
  await close(page);
});

test('the page outlives the gateway and notices a new one', async () => {
  const page = await open(browser, gateway, { expectErrors: true });
  const requests = async () => Number(await page.locator('[data-key="totals.requests"]').getAttribute('data-value'));
  await until('there were requests', async () => (await requests()) > 0);
  await gateway.stop();
  await page.locator('#notice', { hasText: 'No connection to the gateway since' }).waitFor();
  assert.equal(await page.locator('#health-word').textContent(), 'No connection');
  assert.equal(await page.getAttribute('#notice', 'role'), 'status');
  await picture(page, 'no-connection');
  await gateway.startAgain();
  await page.locator('#notice', { hasText: 'its counters began again' }).waitFor();
  await until('the counters are the new ones', async () => (await requests()) === 0);
  await gateway.askHeads(3);
  await until('they count', async () => (await requests()) === 3);
  await until('it is healthy', async () => (await page.locator('#health-word').textContent()) === 'Healthy');
  await page.click('nav a[href="#exchanges"]');
  await until('the list is of the new one', async () => (await page.locator('#list-count').textContent()) === '3 exchanges');
  await close(page);
});
