// Everything the page asks of the stand-ins; all of it goes through the page's own address.

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function call(method, path, body) {
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  const text = await response.text();
  let answer = null;
  try { answer = JSON.parse(text); } catch { answer = null; }
  if (!response.ok) throw new Refused(response.status, answer?.error ?? answer?.description ?? `${response.status} ${response.statusText}`);
  return answer;
}

/** The control calls every stand-in has, below `base` ("" is Telegram, "/yookassa" itself, "/panels/<name>" a panel). */
function standIn(base) {
  return {
    base,
    faults: () => call("GET", `${base}/_emu/faults`),
    fail: (rule) => call("POST", `${base}/_emu/fail`, rule),
    heal: () => call("DELETE", `${base}/_emu/fail`),
    outage: (down) => call("POST", `${base}/_emu/outage`, { down }),
    clock: () => call("GET", `${base}/_emu/clock`),
    setClock: (change) => call("POST", `${base}/_emu/clock`, change),
    calls: (limit) => call("GET", `${base}/_emu/calls?limit=${limit}`),
    forgetCalls: () => call("DELETE", `${base}/_emu/calls`),
    users: () => call("GET", `${base}/_emu/users`),
  };
}

export const telegram = {
  ...standIn(""),
  addUser: (user) => call("POST", "/_emu/users", user),
  chat: (userId) => call("GET", `/_emu/chats/${userId}`),
  say: (message) => call("POST", "/_emu/say", message),
  press: (press) => call("POST", "/_emu/press", press),
  callback: (id) => call("GET", `/_emu/callbacks/${id}`),
  block: (userId) => call("POST", "/_emu/block", { user_id: userId }),
  unblock: (userId) => call("POST", "/_emu/unblock", { user_id: userId }),
  deactivate: (userId) => call("POST", "/_emu/deactivate", { user_id: userId }),
  clear: (userId) => call("POST", "/_emu/clear", { user_id: userId }),
  bot: (userId) => call("GET", `/_emu/commands?user_id=${userId}`),
  initData: (userId) => call("GET", `/_emu/initdata?user_id=${userId}`),
  fileUrl: (fileId) => `/_emu/files/${encodeURIComponent(fileId)}`,
};

export function panel(name) {
  const base = `/panels/${encodeURIComponent(name)}`;
  return {
    ...standIn(base),
    name,
    flow: (username, bytes) => call("POST", `${base}/_emu/traffic`, { username, bytes }),
    lose: (username) => call("POST", `${base}/_emu/lose`, { username }),
  };
}

const provider = "/yookassa/_emu";

export const yookassa = {
  ...standIn("/yookassa"),
  books: () => call("GET", `${provider}/books`),
  payments: () => call("GET", `${provider}/payments`),
  deliveries: () => call("GET", `${provider}/deliveries`),
  settings: () => call("GET", `${provider}/settings`),
  turn: (knobs) => call("POST", `${provider}/settings`, knobs),
  act: (name, wish) => call("POST", `${provider}/${name}`, wish),
};

export const config = () => call("GET", "/config");

/** Hear what happens in the stand-ins. `onLive(true)` also means: something may have been missed, look again. */
export function listen(onEvent, onLive) {
  const source = new EventSource("/_emu/events");
  source.onopen = () => onLive(true);
  source.onerror = () => {
    onLive(false);
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(onEvent, onLive), 2000);
  };
  source.onmessage = (message) => onEvent(JSON.parse(message.data));
}
