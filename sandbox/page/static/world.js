// What the page knows: customers, their chats, and who listens for changes of it.

import { telegram } from "./api.js";
import { coalesce } from "./dom.js";

const WALLET = [
  { user_id: 1001, first_name: "Anna", last_name: "Orlova", username: "anna_sandbox", language_code: "ru" },
  { user_id: 1002, first_name: "Boris", username: "boris_sandbox", language_code: "ru" },
  { user_id: 1003, first_name: "Claire", last_name: "Martin", username: "claire_sandbox", language_code: "en" },
  { user_id: 1004, first_name: "Deniz", language_code: "en" },
];
const PREVIEWS = 30;

export const users = new Map();
export const chats = new Map();
export const unread = new Map();
export const view = { user: Number(localStorage.user) || null, phones: Number(localStorage.phones) || 1, offset: 0 };

const listeners = new Map();

export function on(kind, listener) {
  listeners.set(kind, [...(listeners.get(kind) ?? []), listener]);
}

export function emit(kind, detail) {
  for (const listener of listeners.get(kind) ?? []) listener(detail);
}

/** Unix seconds by the sandbox's clock. */
export function now() {
  return Date.now() / 1000 + view.offset;
}

export function fullName(user) {
  return [user.first_name, user.last_name].filter(Boolean).join(" ");
}

export function transcript(userId) {
  return chats.get(userId) ?? [];
}

export function choose(userId) {
  view.user = userId;
  localStorage.user = userId;
  unread.delete(userId);
  document.body.dataset.tab = "chat";
  emit("view");
  refreshChat(userId);
}

export function showPhones(count) {
  view.phones = count;
  localStorage.phones = count;
  emit("view");
}

export async function addUser(user) {
  await telegram.addUser(user);
  await refreshUsers();
  choose(user.user_id);
}

export const refreshUsers = coalesce(async () => {
  let found = await telegram.users();
  if (found.length === 0) {
    for (const user of WALLET) await telegram.addUser(user);
    found = await telegram.users();
  }
  const known = new Set(found.map((user) => user.user_id ?? user.id));
  for (const id of users.keys()) if (!known.has(id)) { users.delete(id); chats.delete(id); }
  for (const user of found) users.set(user.user_id ?? user.id, { ...user, user_id: user.user_id ?? user.id });
  if (!users.has(view.user)) view.user = users.keys().next().value;
  emit("users");
});

const chatRefreshers = new Map();
const heard = new Map();

export function refreshChat(userId) {
  if (!chatRefreshers.has(userId)) chatRefreshers.set(userId, coalesce(() => fetchChat(userId)));
  return chatRefreshers.get(userId)();
}

/** Fetch a transcript; what was heard meanwhile is newer than the answer, so then it is fetched once more. */
async function fetchChat(userId) {
  const before = heard.get(userId);
  chats.set(userId, await telegram.chat(userId));
  emit("chat", userId);
  if (heard.get(userId) !== before) refreshChat(userId);
}

const CHANGES = {
  "telegram.message": (messages, { message }) => [...messages, message],
  "telegram.edit": (messages, { message }) => messages.map((old) => (old.message_id === message.message_id ? message : old)),
  "telegram.delete": (messages, { message_id: gone }) => messages.filter((old) => old.message_id !== gone),
};

/** Take in one event of the sandbox. */
export function hear(event) {
  emit(event.kind, event);
  if (event.panel) emit("panel", event.panel);
  if (event.kind.startsWith("yookassa.")) emit("payments");
  // A failed look is made good by lookAgain when the stream is back.
  if (event.kind === "telegram.user" || (event.chat_id > 0 && !users.has(event.chat_id))) refreshUsers().catch(() => undefined);
  const change = CHANGES[event.kind];
  if (!change) return;
  const id = event.chat_id;
  heard.set(id, (heard.get(id) ?? 0) + 1);
  chats.set(id, change(transcript(id), event));
  if (event.kind === "telegram.message" && event.message.from.is_bot && id !== view.user) unread.set(id, (unread.get(id) ?? 0) + 1);
  emit("chat", id);
}

/** Look at everything again: at the start, and after the event stream was away. */
export async function lookAgain() {
  await refreshUsers();
  const ids = [view.user, ...users.keys()].slice(0, PREVIEWS);
  await Promise.all([...new Set(ids)].filter((id) => users.has(id)).map(refreshChat));
  emit("view");
  emit("panel", null);
  emit("payments");
  emit("telegram.commands");
}
