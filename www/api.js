// The admin listener's answers, described by schema/*.json. The one place that makes requests; a
// refusal becomes an error with the server's words. Where a token is needed the browser itself asks
// for it and sends it with everything on this page.

async function refusal(response) {
  const text = (await response.text()).trim();
  return new Error(text.split('\n')[0] || `status ${response.status}`);
}

async function answer(path, options) {
  return fetch(path, { ...options, cache: 'no-store' });
}

export async function getJson(path, signal) {
  const response = await answer(path, { signal });
  if (!response.ok) {
    const error = await refusal(response);
    error.status = response.status;
    throw error;
  }
  return response.json();
}

/**
 * Sends a body. Resolves to the JSON that comes back, also with status 400, where the JSON says what
 * is wrong with the body.
 */
export async function postForJson(path, body, headers = {}) {
  const response = await answer(path, { method: 'POST', headers, body });
  const json = (response.headers.get('Content-Type') ?? '').startsWith('application/json');
  if (!json || (!response.ok && response.status !== 400)) {
    throw await refusal(response);
  }
  return response.json();
}

/**
 * Sends text and resolves to the bytes that come back. With status 400 the error's `place` is what
 * the JSON says of it: { message, line, column }.
 */
export async function postForBytes(path, body) {
  const response = await answer(path, { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body });
  if (response.status === 400) {
    const { error: place } = await response.json();
    throw Object.assign(new Error(place.message), { place });
  }
  if (!response.ok) {
    throw await refusal(response);
  }
  return new Uint8Array(await response.arrayBuffer());
}
