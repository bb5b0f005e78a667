// The pretend customers: who they are, what was said last, and new ones.

import { telegram } from "./api.js";
import { avatar, drawRows, h, icon, iconButton, perFrame } from "./dom.js";
import { clockTime, t } from "./i18n.js";
import { summary } from "./message.js";
import { shown } from "./toast.js";
import { addUser, choose, fullName, on, transcript, unread, users, view } from "./world.js";

const LANGUAGES = { ru: "Русский", en: "English", "": "–", de: "Deutsch", tr: "Türkçe", fa: "فارسی", uk: "Українська" };
const SEARCH_FROM = 8;
const FIRST_ID = 1001;

function row(user) {
  const last = transcript(user.user_id).at(-1);
  const count = unread.get(user.user_id);
  const state = user.deactivated ? t("gone") : user.blocked ? t("blockedBot") : null;
  const build = () => face(user, last, count, state);
  return { key: user.user_id, print: JSON.stringify([user, last, count, state, user.user_id === view.user]), build };
}

function face(user, last, count, state) {
  return h("button", {
    type: "button", class: "customer", "aria-current": user.user_id === view.user ? "true" : null,
    dataset: { user: user.user_id, key: `user:${user.user_id}` }, onclick: () => choose(user.user_id),
  },
  avatar(user.user_id, fullName(user)),
  h("span", { class: "line" }, h("b", {}, fullName(user)), h("small", { class: "tongue" }, (user.language_code ?? "").toUpperCase()),
    h("time", {}, last ? clockTime(last.edit_date ?? last.date) : "")),
  h("span", { class: "line" },
    h("small", { class: state ? "preview state" : "preview" }, state ?? (last ? summary(last) : t("noMessages"))),
    count ? h("span", { class: "count" }, count) : null));
}

function field(name, label, props = {}) {
  return h("label", {}, h("span", {}, label), h("input", { name, autocomplete: "off", ...props }));
}

function freeId() {
  return Math.max(FIRST_ID - 1, ...users.keys()) + 1;
}

function openDialog() {
  const close = () => dialog.close();
  const form = h("form", { method: "dialog", onsubmit: shown(async (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(form));
    close();
    await create(values);
  }) },
  h("h2", {}, t("addCustomer")),
  field("first_name", t("firstName"), { required: true, maxlength: "64", autofocus: true }),
  field("last_name", t("lastName"), { placeholder: t("optional"), maxlength: "64" }),
  field("username", t("username"), { placeholder: t("optional"), pattern: "[A-Za-z0-9_]{4,32}" }),
  h("label", {}, h("span", {}, t("language")), h("select", { name: "language_code" },
    Object.entries(LANGUAGES).map(([code, name]) => h("option", { value: code }, code ? `${name} (${code})` : name)))),
  field("payload", t("payload"), { placeholder: t("payloadHint"), pattern: "[A-Za-z0-9_\\-]{0,64}" }),
  h("div", { class: "dialog-buttons" },
    h("button", { type: "button", class: "text-button", onclick: close }, t("cancel")),
    h("button", { type: "submit", class: "button" }, t("add"))));
  const dialog = h("dialog", { class: "sheet", onclose: () => dialog.remove() }, form);
  document.body.append(dialog);
  dialog.showModal();
}

async function create({ payload, ...values }) {
  const known = Object.fromEntries(Object.entries(values).filter(([, value]) => value.trim()));
  const user = { user_id: freeId(), ...known };
  await addUser(user);
  if (payload) await telegram.say({ ...user, text: `/start ${payload}` });
}

/** Draw the customers into `nav`, newest talk first. */
export function showCustomers(nav) {
  const list = h("div", { class: "list" });
  const search = h("input", { type: "search", placeholder: t("search"), "aria-label": t("search"), oninput: () => draw() });
  nav.append(h("header", { class: "column-head" }, h("h2", {}, t("customers")), iconButton("add", t("addCustomer"), openDialog)),
    search, list,
    h("button", { type: "button", class: "quiet-button", onclick: openDialog }, icon("add"), t("addCustomer")));
  const draw = perFrame(() => {
    search.hidden = users.size < SEARCH_FROM;
    const wanted = search.hidden ? "" : search.value.trim().toLowerCase();
    const known = (user) => `${fullName(user)} ${user.username ?? ""} ${user.user_id}`.toLowerCase();
    const found = [...users.values()].filter((user) => known(user).includes(wanted));
    const lastTalk = new Map(found.map((user) => [user.user_id, transcript(user.user_id).at(-1)?.date ?? 0]));
    found.sort((a, b) => lastTalk.get(b.user_id) - lastTalk.get(a.user_id) || a.user_id - b.user_id);
    drawRows(list, found.map(row));
  });
  for (const kind of ["users", "chat", "view"]) on(kind, draw);
}
