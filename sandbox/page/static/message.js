// One message as a bubble, with its picture and buttons.

import { telegram } from "./api.js";
import { h, icon } from "./dom.js";
import { formatted } from "./entities.js";
import { bytes, clockTime, t } from "./i18n.js";
import { copy, lightbox } from "./toast.js";

/** Give the row of a message; `act` is the phone: command, open, press, place. */
export function messageRow(message, act) {
  const own = !message.from?.is_bot;
  const bubble = h("div", { class: "bubble" }, picture(message), attachment(message), words(message, act), stamp(message, own));
  if (message.photo && !message.caption) bubble.classList.add("bare");
  return h("div", { class: own ? "row own" : "row", dataset: { message: message.message_id } },
    h("div", { class: "stack" }, bubble, keyboard(message, act)));
}

function words(message, act) {
  const text = message.text ?? message.caption;
  if (!text) return null;
  return h("span", { class: "words" }, formatted(text, message.entities ?? message.caption_entities, act));
}

function stamp(message, own) {
  const note = message.edit_date ? `${t("edited")} ` : "";
  return h("span", { class: "stamp", title: new Date(message.date * 1000).toLocaleString() },
    note, clockTime(message.date), own ? h("span", { class: "ticks" }, icon("check"), icon("check")) : null);
}

function picture(message) {
  if (!message.photo) return null;
  const size = message.photo.at(-1);
  const url = telegram.fileUrl(size.file_id);
  return h("button", { type: "button", class: "picture", "aria-label": t("photo"), onclick: () => lightbox(url) },
    h("img", { src: url, alt: t("photo"), style: { "aspect-ratio": `${size.width} / ${size.height}` } }));
}

function attachment(message) {
  const file = message.document;
  if (!file) return null;
  const url = telegram.fileUrl(file.file_id);
  return h("a", { class: "file", href: url, download: file.file_name ?? "file" }, h("span", {}, icon("file")),
    h("span", {}, h("b", {}, file.file_name ?? "file"), h("small", {}, bytes(file.file_size ?? 0))));
}

function keyboard(message, act) {
  const rows = message.reply_markup?.inline_keyboard;
  if (!rows?.length) return null;
  return h("div", { class: "keyboard" }, rows.map((row, y) => h("div", { class: "keys" },
    row.map((button, x) => key(message, button, `${message.message_id}:${y}:${x}`, act)))));
}

function key(message, button, place, act) {
  const [sign, onclick] = action(message, button, act);
  return h("button", { type: "button", class: "key", dataset: { key: place, style: button.style ?? "" }, onclick },
    h("span", {}, button.text), sign ? icon(sign) : null, h("i", { class: "spinner" }));
}

function action(message, button, act) {
  if (button.url) return ["link", () => act.open(button.url)];
  if (button.copy_text) return ["copy", () => copy(button.copy_text.text, act.place)];
  if (button.web_app) return ["phone", () => act.openApp(button.web_app.url)];
  return [null, (event) => act.press(message, button, event.currentTarget)];
}

/** What the customer list shows of a message. */
export function summary(message) {
  const text = (message.text ?? message.caption ?? "").replace(/\s+/g, " ");
  const what = message.photo ? `${t("photo")}${text ? ", " : ""}` : message.document?.file_name ?? "";
  return (message.from?.is_bot ? "" : `${t("you")}: `) + what + text;
}
