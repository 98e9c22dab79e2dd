// Composing a request, sending it, and decoding a file.

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

test('a composed request is sent to the gateway and its reply decoded', async () => {
  const page = await open(browser, gateway, { hash: 'compose' });
  assert.equal(await page.locator('#public-address').textContent(), `http://${gateway.listen}`);
  await page.fill('#path', `${API}/ro/lookup`);
  await page.fill('#frames', "1 1 stream-begin command-request new cbor:{b'args': {b'key': b'tip'}, b'name': b'lookup'}");
  await page.getByRole('button', { name: 'Send' }).click();
  const reply = page.locator('#reply');
  await reply.locator('.outcome', { hasText: '200' }).waitFor();
  assert.equal(await reply.locator('.c-type').nth(1).textContent(), 'bytes-response');
  await reply.locator('button.payload').click();
  const { tip } = (await gateway.state()).repository;
  assert.ok((await reply.locator('.cbor').textContent()).includes(tip.node));
  await picture(page, 'compose', { fullPage: true });
  await reply.getByRole('link', { name: 'What the reactor made of it' }).click();
  await page.locator('#detail', { hasText: 'runcommand' }).waitFor();
  await close(page);
});

test('an example can be sent as it is', async () => {
  const page = await open(browser, gateway, { hash: 'compose' });
  await page.selectOption('#example', { label: 'A request that ends too early' });
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('#reply .outcome', { hasText: '400' }).waitFor();
  assert.match(await page.locator('#reply table').textContent(), /before request 1 was complete/);
  await close(page);
});

test('credentials are a token, or a user with a password', async () => {
  const page = await open(browser, gateway, { hash: 'compose' });
  await page.click('#composer summary');
  const sent = async () => {
    const [response] = await Promise.all([page.waitForResponse('**/send?*'), page.click('#send')]);
    return response.request().headers()['x-framegate-authorization'];
  };
  assert.equal(await sent(), undefined);
  await page.fill('#secret', 'a token');
  assert.equal(await sent(), 'Bearer a token');
  await page.fill('#user', 'zoë');
  assert.equal(await sent(), `Basic ${Buffer.from('zoë:a token').toString('base64')}`);
  await close(page);
});

test('a mistake is named, with its place', async () => {
  const page = await open(browser, gateway, { hash: 'compose', expectErrors: true });
  await page.fill('#frames', '1 1 stream-begin command-request new x\n1 1 nonsense command-request new x');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('#frames-error', { hasText: 'Line 2' }).waitFor();
  assert.equal(await page.getAttribute('#frames', 'aria-invalid'), 'true');
  const caret = await page.evaluate(() => document.getElementById('frames').selectionStart);
  assert.ok(caret >= 39, `in the second line: ${caret}`);
  await close(page);
});

test('names are completed', async () => {
  const page = await open(browser, gateway, { hash: 'compose' });
  await page.fill('#frames', '');
  await page.focus('#frames');
  const options = () => page.locator('#completions [role=option] span:first-child').allTextContents();
  await page.keyboard.type('1 1 stream-b');
  assert.deepEqual(await options(), ['stream-begin']);
  await page.keyboard.press('Enter');
  assert.ok((await options()).includes('command-request'));
  await page.keyboard.type('command-r');
  await page.keyboard.press('Enter');
  assert.deepEqual(await options(), ['new', 'continuation', 'more', 'have-data', '0']);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await page.keyboard.type("look");
  assert.equal(await page.getAttribute('#frames', 'aria-activedescendant'), 'completion-0');
  await page.keyboard.press('Enter');
  const { commands } = await (await fetch(`${gateway.url}/vocabulary`)).json();
  const { example } = commands.find(({ name }) => name === 'lookup').arguments[0];
  assert.equal(await page.inputValue('#frames'), `1 1 stream-begin command-request new cbor:{b'args': {b'key': ${example}}, b'name': b'lookup'}`);
  assert.equal(await page.locator('#completions').isVisible(), false);
  await page.getByRole('button', { name: 'Show as bytes' }).click();
  await page.locator('#title-reply', { hasText: 'What would be sent' }).waitFor();
  assert.equal(await page.locator('#reply tbody .c-type').textContent(), 'command-request');
  await close(page);
});

test('a dropped file is decoded up to where it is malformed', async () => {
  const page = await open(browser, gateway, { hash: 'overview', expectErrors: true });
  const whole = frames('1 2 stream-begin text-output 0 hello', '3 2 0 error-response protocol broken');
  const bytes = [...whole, ...frames('5 2 0 progress 0 cut short').subarray(0, 10)];
  await page.evaluate((values) => {
    const files = new DataTransfer();
    files.items.add(new File([new Uint8Array(values)], 'reply.bin'));
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }));
  }, bytes);
  await page.locator('#decoded .wrong-box').waitFor();
  assert.match(await page.locator('#decoded .wrong-box').textContent(), new RegExp(`Frame 3, at byte ${whole.length}:`));
  assert.match(await page.locator('#title-decoded').textContent(), /^reply\.bin: 2 frames/);
  assert.deepEqual(await page.locator('#decoded tbody .c-type').allTextContents(), ['text-output', 'error-response']);
  await picture(page, 'decode');
  await close(page);
});

test('a chosen file and pasted hexadecimal are decoded', async () => {
  const page = await open(browser, gateway, { hash: 'decode' });
  const buffer = frames("1 1 stream-begin command-request new cbor:{b'name': b'heads'}");
  await page.setInputFiles('#file', { name: 'request.bin', mimeType: 'application/octet-stream', buffer });
  await page.locator('#title-decoded', { hasText: 'request.bin: 1 frame' }).waitFor();
  await page.fill('#hex', buffer.toString('hex').replace(/(..)/g, '$1 '));
  await page.getByRole('button', { name: 'Decode' }).click();
  await page.locator('#title-decoded', { hasText: 'Pasted bytes: 1 frame' }).waitFor();
  await page.fill('#hex', '0c 0g');
  await page.getByRole('button', { name: 'Decode' }).click();
  await until('it says what is wrong', async () => (await page.locator('#decoded').textContent()).includes("'g' is no hexadecimal digit"));
  await close(page);
});
