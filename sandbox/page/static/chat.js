// A phone: the chat of one customer with the bot. Two phones of one customer show the same chat.

import { telegram } from "./api.js";
import { arrange, avatar, h, icon, iconButton } from "./dom.js";
import { clockTime, dayName, t } from "./i18n.js";
import { messageRow } from "./message.js";
import { isPayPage, openPayPage } from "./pay.js";
import { alertIn, menu, shown, toast } from "./toast.js";
import { choose, fullName, now, on, showPhones, transcript, users, view } from "./world.js";

const ANSWER_WAIT_MS = 60_000;
const TYPING_MS = 5_000;
const NEAR_END_PX = 140;
const LANGUAGES = { ru: "Русский", en: "English" };

const answers = new Map();

class Phone {
  constructor(user, number) {
    this.user = user;
    this.number = number;
    this.rows = new Map();
    this.waiting = new Map();
    this.bot = null;
    this.days = new Map();
    this.spacer = h("div", { class: "spacer" });
    this.scroll = h("div", { class: "scroll", tabIndex: 0, role: "log" });
    this.foot = h("div", { class: "foot" });
    this.place = h("article", { class: "phone", "aria-label": `${fullName(user)}, ${t("phoneN", { n: number })}` },
      this.statusBar(), this.head(), this.scroll, this.foot);
    this.draw();
    shown(() => this.introduce())();
  }

  statusBar() {
    this.time = h("span", {}, clockTime(now()));
    const label = view.phones > 1 ? `${this.user.first_name}, ${t("phoneN", { n: this.number })}` : fullName(this.user);
    return h("div", { class: "status-bar" }, this.time, h("b", {}, label), h("span", { class: "battery" }, h("i")));
  }

  head() {
    this.title = h("b", {}, "VPN");
    this.under = h("small", {}, t("bot"));
    const more = iconButton("more", t("menu"), () => this.menu(more));
    this.face = h("span", { class: "face" }, avatar(5, "VPN"));
    return h("header", { class: "chat-head" },
      iconButton("back", t("back"), () => { document.body.dataset.tab = "customers"; }, { class: "icon-button narrow-only" }),
      this.face, h("span", { class: "who" }, this.title, this.under), more);
  }

  menu(anchor) {
    const id = this.user.user_id;
    const other = this.user.language_code === "ru" ? "en" : "ru";
    menu(anchor, [
      view.phones === 1 ? [icon("twice"), t("secondPhone"), () => showPhones(2)] : [icon("phone"), t("oneHandPhone"), () => showPhones(1)],
      this.user.blocked
        ? [icon("check"), t("unblock"), shown(() => telegram.unblock(id))]
        : [icon("block"), t("block"), shown(() => telegram.block(id))],
      [icon("globe"), t("telegramIn", { name: LANGUAGES[other] }), shown(() => telegram.addUser({ ...this.user, language_code: other }))],
      [icon("bin"), t("clearHistory"), shown(() => telegram.clear(id))],
      this.user.deactivated ? null : [icon("close"), t("deactivate"), shown(() => telegram.deactivate(id)), true],
    ]);
  }

  async introduce() {
    this.bot = await telegram.bot(this.user.user_id);
    const name = this.bot.name || this.bot.username;
    this.title.textContent = name;
    this.face.replaceChildren(avatar(5, name));
    this.draw();
  }

  draw() {
    const messages = transcript(this.user.user_id);
    const nearEnd = this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < NEAR_END_PX;
    if (this.placeRows(messages) || nearEnd) this.toEnd();
    this.drawFoot(messages.length === 0);
  }

  placeRows(messages) {
    const kept = new Map();
    const children = [];
    const known = this.rows.size;
    let grown = false;
    let day = null;
    messages.forEach((message, i) => {
      const name = dayName(message.date, now());
      if (name !== day) children.push(this.dayLine(name));
      day = name;
      const row = this.rowOf(message);
      const next = messages[i + 1];
      row.node.classList.toggle("last", !next || next.from?.is_bot !== message.from?.is_bot);
      const isNew = !this.rows.has(message.message_id);
      if (isNew && known) row.node.classList.add("arrived");
      grown ||= isNew;
      kept.set(message.message_id, row);
      children.push(row.node);
    });
    this.rows = kept;
    if (children.length === 0) children.push(this.introduction());
    else children.unshift(this.spacer);
    arrange(this.scroll, children);
    return grown;
  }

  rowOf(message) {
    const print = JSON.stringify(message);
    const old = this.rows.get(message.message_id);
    if (old?.print === print) return old;
    const node = messageRow(message, this);
    if (old) node.classList.add("changed");
    node.querySelector(".picture img")?.addEventListener("load", () => this.toEnd(), { once: true });
    if (old?.node.contains(document.activeElement)) {
      const key = document.activeElement.dataset.key;
      requestAnimationFrame(() => node.querySelector(`[data-key="${key}"]`)?.focus({ preventScroll: true }));
    }
    return { print, node };
  }

  dayLine(name) {
    if (!this.days.has(name)) this.days.set(name, h("div", { class: "day" }, h("span", {}, name)));
    return this.days.get(name);
  }

  introduction() {
    return h("div", { class: "introduction" }, h("b", {}, t("emptyChat")), h("p", {}, this.bot?.description || t("emptyHint")));
  }

  toEnd() {
    requestAnimationFrame(() => { this.scroll.scrollTop = this.scroll.scrollHeight; });
  }

  drawFoot(empty) {
    const wanted = this.user.deactivated ? "gone" : this.user.blocked ? "blocked" : empty ? "start" : "write";
    if (this.foot.dataset.kind === wanted) return;
    this.foot.dataset.kind = wanted;
    if (wanted === "gone") this.foot.replaceChildren(h("p", { class: "gone" }, t("gone")));
    else if (wanted === "write") this.foot.replaceChildren(...this.composer());
    else this.foot.replaceChildren(this.bigButton(wanted === "start" ? t("start") : t("restart")));
  }

  bigButton(label) {
    return h("button", { type: "button", class: "start", onclick: () => this.command("/start") }, label);
  }

  composer() {
    const field = h("textarea", { rows: 1, placeholder: t("message"), "aria-label": t("message"), maxLength: 4096 });
    const send = () => { if (field.value.trim()) { this.command(field.value.trim()); field.value = ""; fit(); } };
    const fit = () => { field.style.height = "auto"; field.style.height = `${Math.min(field.scrollHeight, 110)}px`; };
    field.addEventListener("input", fit);
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); send(); }
      if (event.key === "/" && field.value === "") this.commands(button);
    });
    const button = iconButton("commands", t("commands"), () => this.commands(button));
    return [button, field, iconButton("send", t("send"), send, { class: "icon-button send" })];
  }

  commands(anchor) {
    const commands = this.bot?.commands ?? [];
    if (!commands.length) return toast(t("noCommands"), this.place);
    return menu(anchor, commands.map(({ command, description }) =>
      [h("code", {}, `/${command}`), description, () => this.command(`/${command}`)]));
  }

  /** Say something as the customer. */
  command = shown(async (text) => {
    const { user_id, first_name, last_name, username, language_code } = this.user;
    await telegram.say({ user_id, first_name, last_name, username, language_code, text, phone: String(this.number) });
  });

  /** Press a button; it spins until the bot has answered the press. */
  press = async (message, button, element) => {
    const wish = { user_id: this.user.user_id, message_id: message.message_id, data: button.callback_data, phone: String(this.number) };
    element.classList.add("waiting");
    const same = `[data-key="${element.dataset.key}"]`;
    const stop = () => this.place.querySelectorAll(same).forEach((drawn) => drawn.classList.remove("waiting"));
    try {
      const { callback_query_id: id } = await telegram.press(wish);
      if (id === undefined) { stop(); return; }
      this.waiting.set(id, stop);
      setTimeout(() => this.answered({ id }), ANSWER_WAIT_MS);
      if (answers.has(id)) this.answered(answers.get(id));
    } catch (error) {
      stop();
      toast(error.status === 404 ? t("noButton") : error.message, this.place);
    }
  };

  answered(answer) {
    const stop = this.waiting.get(answer.id);
    if (!stop) return;
    this.waiting.delete(answer.id);
    stop();
    if (answer.text && answer.show_alert) alertIn(this.place, this.title.textContent, answer.text);
    else if (answer.text) toast(answer.text, this.place);
    if (answer.url) this.open(answer.url);
  }

  typing() {
    this.under.textContent = t("typing");
    this.under.classList.add("typing");
    clearTimeout(this.typingTimer);
    this.typingTimer = setTimeout(() => this.quiet(), TYPING_MS);
  }

  quiet() {
    this.under.textContent = t("bot");
    this.under.classList.remove("typing");
  }

  /** Follow a link; one that starts this very bot is said in the chat, as Telegram does, and payers stay beside it. */
  open(url) {
    const payload = startPayload(url, this.bot?.username);
    if (payload !== null) this.command(`/start ${payload}`.trim());
    else if (isPayPage(url)) openPayPage(this, url);
    else if (/^(https?|tg|mailto|tel):/i.test(url)) window.open(url, "_blank", "noopener");
    else toast(url, this.place);
  }

  openApp = shown(async (url) => {
    const { init_data: data } = await telegram.initData(this.user.user_id);
    window.open(`${url}#tgWebAppData=${encodeURIComponent(data)}&tgWebAppVersion=8.0&tgWebAppPlatform=web`, "_blank", "noopener");
  });
}

function startPayload(url, username) {
  let link;
  try { link = new URL(url); } catch { return null; }
  const known = (name) => username && name && name.toLowerCase() === username.toLowerCase();
  const name = link.hostname === "t.me" ? link.pathname.slice(1) : link.protocol === "tg:" && link.searchParams.get("domain");
  return known(name) ? link.searchParams.get("start") ?? "" : null;
}

let phones = [];

function draw(section) {
  const user = users.get(view.user);
  section.dataset.phones = view.phones;
  if (!user) {
    phones = [];
    section.replaceChildren(h("p", { class: "nothing" }, t("noChat")));
    return;
  }
  const same = phones.length === view.phones && phones[0].user.user_id === user.user_id;
  if (!same) {
    phones = Array.from({ length: view.phones }, (_, i) => new Phone(user, i + 1));
    section.replaceChildren(...phones.map((phone) => phone.place));
  }
  for (const phone of phones) { phone.user = user; phone.draw(); }
}

/** Draw the phones into `section` and keep them up to date. */
export function showChat(section) {
  const redraw = () => draw(section);
  on("view", redraw);
  on("users", redraw);
  on("chat", (userId) => { if (userId === view.user) redraw(); });
  on("telegram.message", (event) => phones.forEach((phone) => { if (phone.user.user_id === event.chat_id) phone.quiet(); }));
  on("telegram.action", (event) => phones.forEach((phone) => { if (phone.user.user_id === event.chat_id) phone.typing(); }));
  on("telegram.commands", () => phones.forEach((phone) => shown(() => phone.introduce())()));
  on("telegram.answer", (event) => {
    answers.set(event.id, event);
    if (answers.size > 200) answers.delete(answers.keys().next().value);
    phones.forEach((phone) => phone.answered(event));
  });
  setInterval(() => phones.forEach((phone) => { phone.time.textContent = clockTime(now()); }), 10_000);
  document.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!event.altKey || !step) return;
    event.preventDefault();
    const ids = [...document.querySelectorAll("#customers [data-user]")].map((row) => Number(row.dataset.user));
    choose(ids.at((ids.indexOf(view.user) + step) % ids.length));
  });
}
